package dev.braid.job;

import dev.braid.destination.OutputTable;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/** The options for a table of Spark's catalog to which the fused rows are written too. */
final class TableOptions {
    @Option(
            names = "--output-table",
            paramLabel = "NAME",
            description =
                    "A Delta or Iceberg table in Spark's catalog that also takes the rows, in one transaction, once"
                            + " the table at --output is published. It must exist, with the columns of the output. Default: none.")
    String name;

    @Option(
            names = "--table-mode",
            paramLabel = "HOW",
            converter = ModeName.class,
            defaultValue = "append",
            description = "What becomes of the rows that --output-table has: append (they stay) or replace (they go)."
                    + " Default: ${DEFAULT-VALUE}.")
    OutputTable.Mode mode;

    /**
     * Checks what picocli cannot check.
     *
     * @param excluded an option that was given and excludes {@code --output-table}; null if there is none
     * @throws UsageException if both are given
     */
    void check(String excluded) {
        if (!InputOptions.isMissing(name) && excluded != null) {
            throw new UsageException("Cannot fuse: expected '--output-table' without '" + excluded
                    + "' (a table takes all rows of a run), got both");
        }
    }

    /** The table; empty if none is named. */
    Optional<OutputTable> find(SparkSession spark) {
        return InputOptions.isMissing(name) ? Optional.empty() : Optional.of(OutputTable.find(spark, name, mode));
    }

    static final class ModeName implements ITypeConverter<OutputTable.Mode> {
        @Override
        public OutputTable.Mode convert(String text) {
            return Choice.of(OutputTable.parse(text), OutputTable.Mode.values(), OutputTable.Mode::configName, text);
        }
    }
}
