package dev.braid.job;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.Reason;
import dev.braid.job.BrokenCell.Columns;
import dev.braid.job.BrokenCell.Selection;
import dev.braid.spark.RawTable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** A random table, or several to be joined, with broken rows of every reason, and what must become of each row. */
final class BrokenTable {
    private static final int MOST_ROWS = 24;
    private static final List<DataType> KEYS =
            List.of(DataTypes.StringType, DataTypes.LongType, DataTypes.IntegerType, DataTypes.BinaryType);

    /**
     * What must become of a row.
     *
     * @param key as text; null if the row has none
     * @param reasons for which it may be set aside, each with the modality that is named; empty if it is to be fused
     * @param cells per modality, null where it lacks one; null if the row cannot be fused
     */
    record Fate(String key, Set<String> reasons, List<BrokenCell> cells) {
        static Fate bad(String key, Reason reason, String modality) {
            return new Fate(key, Set.of(reason(reason.reasonName(), modality)), null);
        }
    }

    /** A reason and a modality as one text. */
    static String reason(String reason, String modality) {
        return reason + " " + modality;
    }

    private final Random random;
    private final ModelConfig model;
    private final boolean fusesRest;
    private final int maxTokens;
    private final DataType keyType;
    private final List<Columns> columns = new ArrayList<>();
    /** Of each table the modalities in it, by their indices. */
    private final List<List<Integer>> sources = new ArrayList<>();
    /** Of each table its rows. */
    private final List<List<Object[]>> stored = new ArrayList<>();

    private final List<Fate> fates = new ArrayList<>();

    BrokenTable(ModelConfig model, Random random) {
        this.random = random;
        this.model = model;
        this.fusesRest = random.nextInt(3) == 0;
        this.maxTokens = model.learnedTokens() + 5 * model.modalities().size() + random.nextInt(3);
        this.keyType = KEYS.get(random.nextInt(KEYS.size()));
        boolean joined = random.nextBoolean();
        for (int m = 0; m < model.modalities().size(); m++) {
            columns.add(columns(m));
            if (m == 0 || (joined && (m == 1 || random.nextBoolean()))) {
                sources.add(new ArrayList<>());
                stored.add(new ArrayList<>());
            }
            sources.get(sources.size() - 1).add(m);
        }
        int rows = 1 + random.nextInt(MOST_ROWS);
        for (int row = 0; row < rows; row++) {
            add(row);
        }
        stored.forEach(table -> Collections.shuffle(table, random));
    }

    private Columns columns(int index) {
        FeatureLayout[] layouts = FeatureLayout.values();
        FeatureLayout layout = layouts[random.nextInt(layouts.length)];
        ElementType[] types = ElementType.values();
        ElementType dtype = layout == FeatureLayout.BINARY ? types[random.nextInt(types.length)] : null;
        Selection[] selections = Selection.values();
        ModalityConfig modality = model.modalities().get(index);
        return new Columns(index, modality, layout, dtype, selections[random.nextInt(selections.length)]);
    }

    private void add(int row) {
        Object key = key(row);
        switch (random.nextInt(12)) {
            case 0 -> addWithoutKey();
            case 1 -> addTwice(key);
            case 2 -> addIncomplete(key);
            default -> addOne(key);
        }
    }

    private Object key(int row) {
        String text = row + List.of("", " ", "'", "é", "\n", "🔑", "\u0000").get(random.nextInt(7));
        if (keyType.equals(DataTypes.StringType)) {
            return text;
        }
        if (keyType.equals(DataTypes.BinaryType)) {
            return text.getBytes(StandardCharsets.UTF_16);
        }
        if (keyType.equals(DataTypes.LongType)) {
            return (random.nextLong() & ~0xffL) + row;
        }
        return row - 3;
    }

    static String text(Object key) {
        return key instanceof byte[] bytes ? Arrays.toString(bytes) : key == null ? null : key.toString();
    }

    private void addWithoutKey() {
        int source = random.nextInt(sources.size());
        store(source, null, cells());
        fates.add(Fate.bad(null, Reason.NULL_KEY, sources.size() == 1 ? null : name(source)));
    }

    private void addTwice(Object key) {
        int most = 2 + random.nextInt(2);
        int always = random.nextInt(sources.size());
        for (int s = 0; s < sources.size(); s++) {
            int times = s == always ? most : random.nextInt(most + 1);
            for (int i = 0; i < times; i++) {
                store(s, key, cells());
            }
        }
        for (int i = 0; i < most; i++) {
            fates.add(Fate.bad(text(key), Reason.DUPLICATE_KEY, null));
        }
    }

    /** In a join, a row that some tables lack; otherwise any row. */
    private void addIncomplete(Object key) {
        Set<Integer> lacking = new TreeSet<>();
        for (int s = 0; s < sources.size() - 1; s++) {
            lacking.add(random.nextInt(sources.size()));
        }
        List<BrokenCell> cells = cells();
        for (int s = 0; s < sources.size(); s++) {
            if (!lacking.contains(s)) {
                store(s, key, cells);
            } else {
                sources.get(s).forEach(m -> cells.set(m, null));
            }
        }
        if (lacking.isEmpty() || fusesRest) {
            addFate(key, cells, Set.of());
        } else {
            String missing = lacking.stream().map(this::name).collect(Collectors.joining(", "));
            fates.add(Fate.bad(text(key), Reason.MISSING_MODALITY, missing));
        }
    }

    private void addOne(Object key) {
        List<BrokenCell> cells = cells();
        Set<String> reasons = new HashSet<>();
        int faults = random.nextInt(8) == 0 ? 2 : random.nextInt(2);
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, cells.size()).boxed().toList());
        Collections.shuffle(order, random);
        List<BrokenCell> seen = new ArrayList<>(cells);
        for (int m : order.subList(0, Math.min(faults, order.size()))) {
            List<Reason> possible = cells.get(m).possible(model);
            Reason reason = possible.get(random.nextInt(possible.size()));
            String modality = cells.get(m).breakAs(reason, maxTokens);
            if (reason == Reason.NULL_SEQUENCE && fusesRest) {
                seen.set(m, null);
            } else if (reason != Reason.NON_FINITE_RESULT) { // The model says whether it is one.
                reasons.add(reason(reason.reasonName(), modality));
            }
        }
        for (int s = 0; s < sources.size(); s++) {
            store(s, key, cells);
        }
        addFate(key, seen, reasons);
    }

    /** Of a row with some cells missing, which is to be fused from the rest. */
    private void addFate(Object key, List<BrokenCell> cells, Set<String> faults) {
        Set<String> reasons = new HashSet<>(faults);
        if (cells.stream().allMatch(cell -> cell == null)) {
            reasons.add(reason(Reason.MISSING_MODALITY.reasonName(), null));
        }
        if (cells.get(0) == null && model.firstTokenModalities(true).contains(0)) {
            reasons.add(reason(
                    Reason.MISSING_MODALITY.reasonName(),
                    columns.get(0).modality().name()));
        }
        fates.add(new Fate(text(key), reasons, cells));
    }

    private List<BrokenCell> cells() {
        return new ArrayList<>(columns.stream()
                .map(each -> new BrokenCell(each, model, random))
                .toList());
    }

    /** What the quarantine calls a table. */
    private String name(int source) {
        return sources.get(source).stream()
                .map(m -> columns.get(m).modality().name())
                .collect(Collectors.joining(", "));
    }

    private void store(int source, Object key, List<BrokenCell> cells) {
        List<Object> row = new ArrayList<>();
        row.add(key);
        for (int m : sources.get(source)) {
            row.add(cells.get(m).features());
            if (columns.get(m).selection() != Selection.ALL) {
                row.add(cells.get(m).selection());
            }
        }
        stored.get(source).add(row.toArray());
    }

    private StructType schema(int source) {
        StructType schema = new StructType().add("id", keyType);
        for (int m : sources.get(source)) {
            Columns each = columns.get(m);
            schema = schema.add(each.modality().name(), each.layout().type());
            if (each.selection() != Selection.ALL) {
                schema = schema.add(each.selectionName(), each.selectionType());
            }
        }
        return schema;
    }

    /**
     * Writes the tables, each as one to three files.
     *
     * @return the options of a run that reads them and sets bad rows aside
     */
    List<String> write(SparkSession spark, Path directory) throws IOException {
        List<String> options =
                new ArrayList<>(List.of("--key=id", "--max-tokens=" + maxTokens, "--on-bad-row=quarantine"));
        options.add("--on-missing-modality=" + (fusesRest ? "fuse-rest" : "quarantine"));
        for (int s = 0; s < sources.size(); s++) {
            List<List<Object[]>> files = new ArrayList<>();
            int count = 1 + random.nextInt(3);
            List<Object[]> rows = stored.get(s);
            for (int f = 0; f < count; f++) {
                files.add(rows.subList(rows.size() * f / count, rows.size() * (f + 1) / count));
            }
            Path path = directory.resolve("table" + s);
            RawTable.write(spark, path, schema(s), files);
            for (int m : sources.get(s)) {
                options.add("--features=" + columns.get(m).modality().name() + "=" + path);
            }
        }
        for (Columns each : columns) {
            String name = each.modality().name() + "=";
            if (each.dtype() != null) {
                options.add("--dtype=" + name + each.dtype().configName());
            }
            if (each.selection() != Selection.ALL) {
                String option = each.selection() == Selection.LENGTH ? "--length=" : "--mask=";
                options.add(option + name + each.selectionName());
            }
        }
        if (random.nextBoolean()) {
            options.add("--partitions=" + (1 + random.nextInt(3)));
        }
        return options;
    }

    /** Of each row, in no order. */
    List<Fate> fates() {
        return fates;
    }

    int maxTokens() {
        return maxTokens;
    }
}
