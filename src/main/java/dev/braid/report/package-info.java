/**
 * The report of a run: one HTML page that loads nothing. Start at {@link dev.braid.report.RunPage#of}: it asks one class per
 * group of sections, which builds elements ({@link dev.braid.report.Html}) and the data of the charts. {@code charts.js}, next
 * to these classes, draws that data with D3 in the browser. May import {@code spark} (what is known of a run) and {@code
 * model} (the stages).
 */
package dev.braid.report;
