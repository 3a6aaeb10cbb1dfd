/**
 * What the benchmark found, as tables and a plot. Start at {@link dev.braid.bench.report.Report}, which reads the {@link
 * dev.braid.bench.report.Measurement}s that each {@link dev.braid.bench.report.Part} wrote. Imports nothing that measures.
 */
package dev.braid.bench.report;
