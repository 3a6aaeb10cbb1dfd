/**
 * The report of a run: one HTML page that loads nothing. Read {@link dev.braid.report.RunPage#of}, then {@code RunSections},
 * the first of the classes that build its sections, and {@code Section}. They build elements ({@code Html}) and the data of
 * the charts; {@code charts.js}, next to these classes, draws the charts with D3 in the browser. May import
 * {@code plan} and {@code progress} (the facts of a run), {@code publish} (its manifest) and {@code model} (the stages).
 */
package dev.braid.report;
