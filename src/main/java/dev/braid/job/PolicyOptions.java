package dev.braid.job;

import dev.braid.decode.MaxBadRows;
import dev.braid.decode.RowPolicy;
import dev.braid.decode.RowPolicy.OnBadRow;
import dev.braid.decode.RowPolicy.OnMissing;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options for rows that cannot be fused. */
final class PolicyOptions {
    @Option(
            names = "--on-bad-row",
            paramLabel = "WHAT",
            converter = OnBadRowName.class,
            defaultValue = "fail",
            description = "What a row that cannot be fused does: fail (it ends the run) or quarantine (its key and"
                    + " the reason go into the Parquet table _quarantine in the output). Default: ${DEFAULT-VALUE}.")
    OnBadRow onBadRow;

    @Option(
            names = "--max-bad-rows",
            paramLabel = "N|P%",
            converter = MaxBadRowsForm.class,
            description = "How many rows may go to the quarantine: a number, or a percentage of the input's rows. With"
                    + " more, the run ends and nothing is published. Default: no limit.")
    MaxBadRows maxBadRows;

    @Option(
            names = "--on-missing-modality",
            paramLabel = "WHAT",
            converter = OnMissingName.class,
            defaultValue = "fail",
            description =
                    "What a key that one of the tables lacks does: fail, quarantine or fuse-rest (its row is fused"
                            + " from the modalities that are there; a null feature counts as missing then). Default:"
                            + " ${DEFAULT-VALUE}.")
    OnMissing onMissing;

    /**
     * The policy that the options describe.
     *
     * @throws UsageException if {@code --max-bad-rows} is given without a quarantine
     */
    RowPolicy policy() {
        RowPolicy policy = new RowPolicy(onBadRow, maxBadRows == null ? MaxBadRows.UNLIMITED : maxBadRows, onMissing);
        if (maxBadRows != null && !policy.quarantines()) {
            throw new UsageException("Cannot fuse: expected '--max-bad-rows' with '--on-bad-row quarantine' or"
                    + " '--on-missing-modality quarantine', got '--max-bad-rows " + maxBadRows + "' and neither");
        }
        return policy;
    }

    static final class OnBadRowName implements ITypeConverter<OnBadRow> {
        @Override
        public OnBadRow convert(String text) {
            return Choice.of(OnBadRow.parse(text), OnBadRow.values(), OnBadRow::configName, text);
        }
    }

    static final class OnMissingName implements ITypeConverter<OnMissing> {
        @Override
        public OnMissing convert(String text) {
            return Choice.of(OnMissing.parse(text), OnMissing.values(), OnMissing::configName, text);
        }
    }

    static final class MaxBadRowsForm implements ITypeConverter<MaxBadRows> {
        @Override
        public MaxBadRows convert(String text) {
            return MaxBadRows.parse(text)
                    .orElseThrow(() -> new TypeConversionException(
                            "expected a number of rows such as 100, or a percentage from 0% to 100%, got '" + text
                                    + "'"));
        }
    }
}
