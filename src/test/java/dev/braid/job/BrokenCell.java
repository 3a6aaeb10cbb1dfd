package dev.braid.job;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.ElementType;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.Reason;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/** What one row stores of one modality: a good sequence, which {@link #breakAs} breaks. */
final class BrokenCell {
    /** Multiples of 1/8 below 16, which every type holds. */
    private static final int STEPS = 127;

    private static final double HUGE = 3e38;
    private static final int MOST_TOKENS = 5;

    /** Which tokens are kept. */
    enum Selection {
        ALL,
        MASK,
        FLAGS,
        LENGTH
    }

    /**
     * The columns of a modality.
     *
     * @param index of the modality
     */
    record Columns(int index, ModalityConfig modality, FeatureLayout layout, ElementType dtype, Selection selection) {

        DataType selectionType() {
            return switch (selection) {
                case ALL -> throw new IllegalStateException("every token is kept");
                case MASK -> DataTypes.createArrayType(DataTypes.IntegerType);
                case FLAGS -> DataTypes.createArrayType(DataTypes.BooleanType);
                case LENGTH -> DataTypes.IntegerType;
            };
        }

        String selectionName() {
            return modality.name() + "_kept";
        }

        private boolean limited() {
            return modality.maxPositions() != ModalityConfig.UNLIMITED;
        }
    }

    private final Columns columns;
    private final Random random;
    private double[][] tokens;
    private boolean[] kept;
    private Object features;
    private Object selection;

    /** A good cell; tokens that are not kept may hold anything. */
    BrokenCell(Columns columns, ModelConfig model, Random random) {
        this.columns = columns;
        this.random = random;
        int most = Math.min(MOST_TOKENS, columns.modality().maxPositions());
        fill(1 + random.nextInt(most));
        boolean first = columns.index() == 0 && model.firstTokenModalities(true).contains(0);
        if (columns.selection() != Selection.ALL) {
            int always = first || columns.selection() == Selection.LENGTH ? 0 : random.nextInt(tokens.length);
            boolean prefix = columns.selection() == Selection.LENGTH;
            int length = 1 + random.nextInt(tokens.length);
            for (int t = 0; t < tokens.length; t++) {
                kept[t] = prefix ? t < length : t == always || random.nextInt(3) > 0;
            }
        }
        store();
        for (int t = 0; t < tokens.length; t++) {
            if (!kept[t] && random.nextBoolean()) {
                damageDropped(t);
            }
        }
    }

    private void fill(int count) {
        tokens = new double[count][columns.modality().featureSize()];
        for (double[] token : tokens) {
            Arrays.setAll(token, i -> (random.nextInt(2 * STEPS + 1) - STEPS) / 8.0);
        }
        kept = new boolean[count];
        Arrays.fill(kept, true);
    }

    private void store() {
        features = columns.layout().store(tokens, columns.dtype());
        select();
    }

    private void select() {
        selection = switch (columns.selection()) {
            case ALL -> null;
            case MASK ->
                IntStream.range(0, kept.length).mapToObj(t -> kept[t] ? 1 : 0).toArray();
            case FLAGS -> IntStream.range(0, kept.length).mapToObj(t -> kept[t]).toArray();
            case LENGTH ->
                (int) IntStream.range(0, kept.length).filter(t -> kept[t]).count();
        };
    }

    private void damageDropped(int token) {
        if (columns.layout().isNested() && random.nextBoolean()) {
            ((Object[]) features)[token] =
                    random.nextBoolean() ? null : columns.layout().token(1);
        } else {
            put(token, 0, Double.NaN);
        }
    }

    /** Another number, in what is stored alone. */
    private void put(int token, int element, double number) {
        int width = columns.modality().featureSize();
        FeatureLayout layout = columns.layout();
        switch (layout) {
            case BINARY -> {
                byte[] one = (byte[]) layout.store(new double[][] {{number}}, columns.dtype());
                System.arraycopy(one, 0, (byte[]) features, (token * width + element) * one.length, one.length);
            }
            case NESTED_FLOAT, NESTED_DOUBLE ->
                ((Object[]) ((Object[]) features)[token])[element] = layout.number(number);
            case VECTORS -> values(((Object[]) features)[token])[element] = number;
            case VECTOR -> values(features)[token * width + element] = number;
            case FLAT_FLOAT, FLAT_DOUBLE -> ((Object[]) features)[token * width + element] = layout.number(number);
        }
    }

    private static Object[] values(Object vector) {
        return (Object[]) ((List<?>) vector).get(3);
    }

    /** The reasons for which this cell can be bad. */
    List<Reason> possible(ModelConfig model) {
        FeatureLayout layout = columns.layout();
        boolean binary = layout == FeatureLayout.BINARY;
        boolean vector = layout == FeatureLayout.VECTOR;
        boolean masked = columns.selection() == Selection.MASK || columns.selection() == Selection.FLAGS;
        List<Reason> possible = new ArrayList<>(
                List.of(Reason.NULL_SEQUENCE, Reason.EMPTY_SEQUENCE, Reason.NON_FINITE_VALUE, Reason.TOO_LONG));
        if (columns.modality().featureSize() > 1 || layout.isNested() || binary) {
            possible.add(Reason.WRONG_WIDTH);
        }
        if (vector || layout == FeatureLayout.VECTORS) {
            possible.add(Reason.SPARSE_VECTOR);
        }
        if (!vector && !binary) {
            possible.add(Reason.NULL_ELEMENT);
        }
        if (binary) {
            possible.add(Reason.FOREIGN_BYTES);
        }
        if (layout.isWide(columns.dtype())) {
            possible.add(Reason.NON_FINITE_RESULT);
        }
        if (columns.selection() != Selection.ALL) {
            possible.add(Reason.UNFIT_MASK);
            possible.add(Reason.EMPTY_MASK);
        }
        if (masked && columns.index() == 0 && model.firstTokenModalities(true).contains(0) && tokens.length > 1) {
            possible.add(Reason.POOLED_TOKEN_DROPPED);
        }
        return possible;
    }

    /**
     * Breaks it.
     *
     * @return the modality that the quarantine names, or null
     */
    String breakAs(Reason reason, int maxTokens) {
        int token = random.ints(0, kept.length).filter(t -> kept[t]).findFirst().orElseThrow();
        int element = random.nextInt(columns.modality().featureSize());
        FeatureLayout layout = columns.layout();
        switch (reason) {
            case NULL_SEQUENCE -> features = null;
            case EMPTY_SEQUENCE -> features = layout.store(new double[0][], columns.dtype());
            case WRONG_WIDTH -> widen(token);
            case SPARSE_VECTOR -> {
                List<Object> sparse = FeatureLayout.sparse(columns.modality().featureSize());
                if (layout == FeatureLayout.VECTOR) {
                    features = sparse;
                } else {
                    ((Object[]) features)[token] = sparse;
                }
            }
            case NULL_ELEMENT -> {
                Object[] list = (Object[]) features;
                if (!layout.isNested()) {
                    list[token * columns.modality().featureSize() + element] = null;
                } else if (layout == FeatureLayout.VECTORS || random.nextBoolean()) {
                    list[token] = null;
                } else {
                    ((Object[]) list[token])[element] = null;
                }
            }
            case NON_FINITE_VALUE -> put(token, element, notFinite());
            case NON_FINITE_RESULT -> {
                for (int t = 0; t < tokens.length; t++) {
                    if (kept[t]) {
                        Arrays.setAll(tokens[t], i -> random.nextBoolean() ? HUGE : -HUGE);
                    }
                }
                store();
            }
            case UNFIT_MASK -> selection = unfit();
            case EMPTY_MASK -> {
                Arrays.fill(kept, false);
                select();
            }
            case POOLED_TOKEN_DROPPED -> {
                kept[0] = false;
                kept[1 + random.nextInt(kept.length - 1)] = true;
                store(); // What was damaged while it was not kept may be kept now.
            }
            case TOO_LONG -> {
                fill(1 + (columns.limited() ? columns.modality().maxPositions() : maxTokens));
                store();
                return columns.limited() ? columns.modality().name() : null;
            }
            case FOREIGN_BYTES -> features = foreign();
            default -> throw new IllegalArgumentException("no fault of a cell: " + reason);
        }
        return reason == Reason.NON_FINITE_RESULT ? null : columns.modality().name();
    }

    private double notFinite() {
        boolean wide = columns.layout().number(0) instanceof Double && columns.layout() != FeatureLayout.BINARY;
        double[] numbers = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e300};
        return numbers[random.nextInt(wide ? 4 : 3)];
    }

    private void widen(int token) {
        int width = columns.modality().featureSize();
        FeatureLayout layout = columns.layout();
        if (layout.isNested()) {
            ((Object[]) features)[token] = layout.token(new double[random.nextBoolean() ? width + 1 : width - 1]);
        } else if (features instanceof byte[] bytes) {
            features = Arrays.copyOf(bytes, bytes.length + 1);
        } else if (layout == FeatureLayout.VECTOR) {
            features = layout.store(new double[][] {new double[tokens.length * width + 1]}, null);
        } else {
            Object[] list = Arrays.copyOf((Object[]) features, tokens.length * width + 1);
            list[list.length - 1] = layout.number(1);
            features = list;
        }
    }

    private Object unfit() {
        int way = random.nextInt(columns.selection() == Selection.FLAGS ? 3 : 4);
        if (way == 0) {
            return null;
        }
        if (columns.selection() == Selection.LENGTH) {
            return way == 1 ? kept.length + 1 : -way;
        }
        Object[] mask = (Object[]) selection;
        if (way == 1) {
            Object[] longer = Arrays.copyOf(mask, mask.length + 1);
            longer[mask.length] = mask[0];
            return longer;
        }
        mask[random.nextInt(mask.length)] = way == 2 ? null : Integer.valueOf(2);
        return mask;
    }

    private byte[] foreign() {
        byte[] bytes = new byte[64];
        byte[] head = List.of("\u0093NUMPY\1\0", "PK\3\4", "\u0080\2}q\0", "\u0080\4\u0095\20\0\0\0\0\0\0\0")
                .get(random.nextInt(4))
                .getBytes(StandardCharsets.ISO_8859_1);
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).put(head).array();
    }

    Object features() {
        return features;
    }

    Object selection() {
        return selection;
    }

    /** The kept tokens, as the model should see them. */
    FeatureSequence sequence() {
        int[] positions = IntStream.range(0, kept.length).filter(t -> kept[t]).toArray();
        return new FeatureSequence() {
            @Override
            public int tokens() {
                return positions.length;
            }

            @Override
            public int position(int token) {
                return positions[token];
            }

            @Override
            public void copyTo(CheckedCopy out, int first, int count) {
                for (int t = first; t < first + count; t++) {
                    double[] token = tokens[positions[t]];
                    float[] numbers = new float[token.length];
                    for (int i = 0; i < numbers.length; i++) {
                        numbers[i] = (float) token[i];
                    }
                    out.put(numbers, 0, numbers.length);
                }
            }
        };
    }
}
