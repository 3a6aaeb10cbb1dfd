/**
 * The report of a run: one HTML page that loads nothing. Read {@link dev.braid.report.RunPage#of}, then {@code RunSections},
 * one of the classes that build the page's sections, and {@code Section}, which adds elements ({@code Html}) to the page
 * and collects the data of its charts. {@code charts.js}, next to these classes, draws the charts with D3 in the browser.
 * May import {@code plan} and {@code progress} (the facts of a run) and {@code publish} (its manifest).
 */
package dev.braid.report;
