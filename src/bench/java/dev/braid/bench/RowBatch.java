package dev.braid.bench;

import dev.braid.batch.BinarySequence;
import dev.braid.batch.Bytes;
import dev.braid.batch.ElementType;
import dev.braid.batch.FeatureSequence;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Rows that arrive together: visual and text features as little-endian float32, for Braid as they are, for the others
 * padded to the longest row of the batch.
 */
final class RowBatch {
    private final int[] featureSizes;
    private final List<int[]> lengths;
    private final List<byte[][]> features;

    private RowBatch(int[] featureSizes, List<int[]> lengths, List<byte[][]> features) {
        this.featureSizes = featureSizes;
        this.lengths = lengths;
        this.features = features;
    }

    /** Rows of features uniform in +-1. */
    static RowBatch random(int[] featureSizes, List<int[]> lengths, Random random) {
        List<byte[][]> features = new ArrayList<>();
        for (int[] length : lengths) {
            byte[][] row = new byte[length.length][];
            for (int m = 0; m < length.length; m++) {
                ByteBuffer bytes = ByteBuffer.allocate(length[m] * featureSizes[m] * Float.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN);
                while (bytes.hasRemaining()) {
                    bytes.putFloat(2 * random.nextFloat() - 1);
                }
                row[m] = bytes.array();
            }
            features.add(row);
        }
        return new RowBatch(featureSizes, lengths, features);
    }

    /** The first rows of this batch. */
    RowBatch first(int rows) {
        int count = Math.min(rows, rows());
        return new RowBatch(featureSizes, lengths.subList(0, count), features.subList(0, count));
    }

    /** These rows by their number of tokens, shortest first. */
    RowBatch sortedByTokens() {
        List<Integer> order = IntStream.range(0, rows())
                .boxed()
                .sorted(Comparator.comparing(
                        row -> Arrays.stream(lengths.get(row)).sum()))
                .toList();
        return new RowBatch(
                featureSizes,
                order.stream().map(lengths::get).toList(),
                order.stream().map(features::get).toList());
    }

    /** These rows in order, so many at a time; the last batch may be smaller. */
    List<RowBatch> split(int rows) {
        List<RowBatch> batches = new ArrayList<>();
        for (int first = 0; first < rows(); first += rows) {
            int end = Math.min(rows(), first + rows);
            batches.add(new RowBatch(featureSizes, lengths.subList(first, end), features.subList(first, end)));
        }
        return batches;
    }

    int rows() {
        return lengths.size();
    }

    /** Real tokens of all rows. */
    int tokens() {
        return lengths.stream().mapToInt(row -> Arrays.stream(row).sum()).sum();
    }

    /** Real tokens of one modality of all rows. */
    int tokens(int modality) {
        return lengths.stream().mapToInt(row -> row[modality]).sum();
    }

    /** The sum over all rows of the square of a row's real tokens: pairs of a query and a key. */
    long tokenPairs() {
        return lengths.stream()
                .mapToLong(row -> Arrays.stream(row).sum())
                .map(tokens -> tokens * tokens)
                .sum();
    }

    int modalities() {
        return featureSizes.length;
    }

    List<FeatureSequence> sequences(int row) {
        List<FeatureSequence> sequences = new ArrayList<>();
        for (int m = 0; m < modalities(); m++) {
            sequences.add(new BinarySequence(
                    Bytes.of(features.get(row)[m]), ElementType.FLOAT32, lengths.get(row)[m], featureSizes[m]));
        }
        return sequences;
    }

    /** Tokens of the longest sequence of a modality. */
    int longest(int modality) {
        return lengths.stream().mapToInt(row -> row[modality]).max().orElseThrow();
    }

    /** Tokens of every row once it is padded. */
    int paddedTokens() {
        int sum = 0;
        for (int m = 0; m < modalities(); m++) {
            sum += longest(m);
        }
        return sum;
    }

    /** [rows, longest, feature size] of a modality, zeros behind each sequence. */
    FloatBuffer padded(int modality) {
        int stride = longest(modality) * featureSizes[modality] * Float.BYTES;
        ByteBuffer padded = ByteBuffer.allocateDirect(rows() * stride).order(ByteOrder.nativeOrder());
        for (int row = 0; row < rows(); row++) {
            padded.put(row * stride, features.get(row)[modality]);
        }
        return padded.asFloatBuffer();
    }

    boolean isPadded() {
        return tokens() < rows() * paddedTokens();
    }

    /** [rows, padded tokens], 0 for a real token, negative infinity for padding: added to the scores of attention. */
    FloatBuffer attentionMask() {
        FloatBuffer mask = ByteBuffer.allocateDirect(rows() * paddedTokens() * Float.BYTES)
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer();
        for (int[] row : lengths) {
            for (int m = 0; m < modalities(); m++) {
                for (int t = 0; t < longest(m); t++) {
                    mask.put(t < row[m] ? 0 : Float.NEGATIVE_INFINITY);
                }
            }
        }
        return mask.flip();
    }

    /** The real tokens of [rows, padded tokens, size], row after row. */
    float[] realTokens(FloatBuffer padded, int size) {
        FloatBuffer real = FloatBuffer.allocate(tokens() * size);
        int position = 0;
        for (int[] row : lengths) {
            for (int m = 0; m < modalities(); m++) {
                real.put(real.position(), padded, position, row[m] * size).position(real.position() + row[m] * size);
                position += longest(m) * size;
            }
        }
        return real.array();
    }
}
