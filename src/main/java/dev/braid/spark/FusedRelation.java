package dev.braid.spark;

import dev.braid.progress.FusionProgress;
import dev.braid.rows.RowsRelation;
import dev.braid.rows.SparkRows;
import dev.braid.task.FusedColumn;
import dev.braid.task.FusedLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.sources.PrunedScan;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A fused table as a relation that Spark can plan. It tells Spark its columns, and computes only those that a query needs.
 */
final class FusedRelation extends RowsRelation implements PrunedScan {
    private final FusionEngine engine;
    private final PairedTable paired;
    private final List<StructField> carried;

    private final List<FusedColumn> fused;
    /** Null if nothing is counted. */
    private final FusionProgress progress;

    /**
     * A fused table.
     *
     * @param carried names of the columns that the output carries, in order: all that the paired table carries
     */
    FusedRelation(FusionEngine engine, PairedTable paired, List<String> carried, FusionProgress progress) {
        super(paired.rows().sparkSession());
        this.engine = engine;
        this.paired = paired;
        this.carried = carried.stream()
                .map(name ->
                        paired.carriedFields().get(paired.columns().carried().indexOf(name)))
                .toList();
        this.fused = engine.columns();
        this.progress = progress;
    }

    @Override
    public StructType schema() {
        return new StructType(Stream.concat(carried.stream(), fused.stream().map(FusedColumn::field))
                .toArray(StructField[]::new));
    }

    @Override
    public RDD<Row> buildScan(String[] required) {
        boolean fuses = Arrays.stream(required).anyMatch(name -> fusedIndex(name) >= 0);
        return unconverted(fuses ? fuse(required) : pass(required));
    }

    private int fusedIndex(String name) {
        for (int f = 0; f < fused.size(); f++) {
            if (fused.get(f).name().equals(name)) {
                return f;
            }
        }
        return -1;
    }

    /** The index of a carried column of the output in the paired table. */
    private int pairedIndex(String name) {
        return paired.columns().carried().indexOf(name);
    }

    /** Rows for a query that needs no fused column: nothing is computed. */
    private JavaRDD<InternalRow> pass(String[] required) {
        String[] names = paired.rows().columns();
        Column[] columns = Arrays.stream(required)
                .map(name -> functions.col(names[pairedIndex(name)]))
                .toArray(Column[]::new);
        return SparkRows.internal(paired.rows().select(columns));
    }

    private JavaRDD<InternalRow> fuse(String[] required) {
        int keys = paired.columns().key() == null ? 0 : 1;
        List<Integer> kept = new ArrayList<>();
        List<Integer> places = new ArrayList<>();
        for (String name : required) {
            if (fusedIndex(name) >= 0) {
                places.add(FusedLayout.FUSED);
            } else if (pairedIndex(name) < keys) {
                places.add(0);
            } else {
                places.add(keys + kept.size());
                kept.add(pairedIndex(name) - keys);
            }
        }
        List<String> names = List.of(required);
        List<FusedColumn> needed =
                fused.stream().filter(column -> names.contains(column.name())).toList();
        List<Integer> ordinals =
                needed.stream().map(column -> names.indexOf(column.name())).toList();
        PairedTable pruned = paired.keeping(kept);
        List<DataType> types =
                pruned.carriedFields().stream().map(StructField::dataType).toList();
        FusedLayout layout = new FusedLayout(places, types, needed, ordinals, keys == 1);
        return pruned.storedRows().mapPartitions(engine.partition(pruned, layout, progress));
    }
}
