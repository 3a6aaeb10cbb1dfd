/**
 * The report of a run: one HTML page that loads nothing. Start at {@link dev.braid.report.RunPage#of}. It calls one class
 * per group of sections, which builds the elements ({@link dev.braid.report.Html}) and the data of the charts.
 * {@code charts.js}, next to these classes, draws the charts with D3 in the browser. May import {@code spark} (the facts of
 * a run), {@code publish} (its manifest) and {@code model} (the stages).
 */
package dev.braid.report;
