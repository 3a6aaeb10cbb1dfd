package dev.braid.parquet;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.column.statistics.FloatStatistics;
import org.apache.parquet.column.statistics.Statistics;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;

/**
 * A column of lists of floats, or of lists of such lists. No list is empty and nothing is null, so the levels only mark
 * where lists begin. They take about six bytes per list, whatever its length
 * (https://parquet.apache.org/docs/file-format/nestedencoding/).
 */
public final class FloatLists extends VectorColumn {
    /** 1 for lists of floats, 2 for lists of lists. */
    private final int depth;

    private final Levels repetition = new Levels();
    private final Levels definition = new Levels();
    private int count;
    private float smallest;
    private float largest;
    private int endedCount;
    private float endedSmallest;
    private float endedLargest;

    private FloatLists(String name, int depth) {
        super(field(name, depth));
        this.depth = depth;
        clear();
    }

    /** A list of floats per row. */
    public static FloatLists of(String name) {
        return new FloatLists(name, 1);
    }

    /** A list of lists of floats per row. */
    public static FloatLists ofLists(String name) {
        return new FloatLists(name, 2);
    }

    private static Type field(String name, int depth) {
        Type element =
                depth == 1 ? Types.required(PrimitiveTypeName.FLOAT).named("element") : field("element", depth - 1);
        return Types.requiredGroup()
                .as(LogicalTypeAnnotation.listType())
                .addField(Types.repeatedGroup().addField(element).named("list"))
                .named(name);
    }

    /**
     * Adds a list.
     *
     * @param index of the list in its row's list of lists; 0 if the row has one list
     * @param numbers at least one
     * @return the position of its numbers in {@link #values}, four little-endian bytes each
     */
    public int add(int index, float[] numbers) {
        if (numbers.length == 0) {
            throw new IllegalArgumentException("expected numbers, got an empty list");
        }
        int first = reserve(numbers.length * Float.BYTES);
        ByteBuffer.wrap(values(), first, numbers.length * Float.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer()
                .put(numbers);
        repetition.add(index == 0 ? 0 : 1, 1);
        repetition.add(depth, numbers.length - 1);
        definition.add(depth, numbers.length);
        count += numbers.length;
        float least = smallest;
        float most = largest;
        for (float number : numbers) {
            least = number < least ? number : least;
            most = number > most ? number : most;
        }
        smallest = least;
        largest = most;
        return first;
    }

    @Override
    public void begin() {
        super.begin();
        repetition.reset();
        definition.reset();
        count = endedCount;
        smallest = endedSmallest;
        largest = endedLargest;
    }

    @Override
    void end() {
        super.end();
        repetition.mark();
        definition.mark();
        endedCount = count;
        endedSmallest = smallest;
        endedLargest = largest;
    }

    @Override
    BytesInput page(BytesInput values) {
        return BytesInput.concat(repetition.page(), definition.page(), values);
    }

    @Override
    int count() {
        return count;
    }

    @Override
    Statistics<?> statistics() {
        FloatStatistics statistics = (FloatStatistics) Statistics.createStats(leaf());
        // Readers may treat -0 and 0 as equal, so the bounds include both.
        statistics.setMinMax(smallest == 0 ? -0f : smallest, largest == 0 ? 0f : largest);
        return statistics;
    }

    @Override
    void clear() {
        repetition.clear();
        definition.clear();
        count = 0;
        smallest = Float.POSITIVE_INFINITY;
        largest = Float.NEGATIVE_INFINITY;
        endedCount = 0;
        endedSmallest = smallest;
        endedLargest = largest;
    }
}
