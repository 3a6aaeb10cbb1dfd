package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.decode.RowDecoder;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.GoldenCheck;
import dev.braid.model.Readout;
import dev.braid.progress.Counters;
import dev.braid.progress.FusionProgress;
import dev.braid.rows.StoredRows;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.serializer.SerializerInstance;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;

/** What travels to executors, through the serializers that Spark can be set to use. Local mode would not serialise it. */
public class SerializationTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes").padded();

    private static final StructType SCHEMA = new StructType()
            .add("key", DataTypes.StringType)
            .add("feature0", GoldenTable.FLAT)
            .add("selection0", GoldenTable.MASK)
            .add("feature1", GoldenTable.FLAT)
            .add("selection1", GoldenTable.MASK);

    @Test
    void aPartitionFusesTheSameAfterJavaAndKryo() {
        List<String> before = fuse(GOLDEN.checkpoint(), config(), decoder());
        for (Serializer serializer : serializers()) {
            // Spark broadcasts with the serializer that is set, and sends functions with Java's.
            Checkpoint checkpoint = broadcast(serializer, GOLDEN.checkpoint());
            Serializer java = new JavaSerializer(new SparkConf());
            assertThat(fuse(checkpoint, roundTrip(java, config()), roundTrip(java, decoder())))
                    .isEqualTo(before);
        }
    }

    @Test
    void aProofIsTheSameAfterJavaAndKryo() {
        Golden golden = Golden.read(
                        "src/test/resources/golden/mask-and-lengths",
                        Checkpoint.read("src/test/resources/golden/mask-and-lengths", new Configuration())
                                .config(),
                        new Configuration())
                .orElseThrow();
        Checkpoint checkpoint = Checkpoint.read("src/test/resources/golden/mask-and-lengths", new Configuration());
        try (FusionModel model = FusionModel.load(checkpoint)) {
            for (Serializer serializer : serializers()) {
                GoldenCheck proof = broadcast(serializer, new GoldenCheck(golden, 2e-5));
                assertThat(proof.verify(model).largest())
                        .isEqualTo(new GoldenCheck(golden, 2e-5).verify(model).largest());
            }
        }
    }

    private static List<Serializer> serializers() {
        SparkConf registered = new SparkConf().set("spark.kryo.registrationRequired", "true");
        return List.of(new JavaSerializer(new SparkConf()), new KryoSerializer(registered));
    }

    /** The value as an executor receives it: {@link BroadcastModel} serialises it to bytes, and Spark sends those. */
    private static <T> T broadcast(Serializer serializer, T value) {
        SerializerInstance java = new JavaSerializer(new SparkConf()).newInstance();
        ByteBuffer written = java.serialize(value, null);
        byte[] bytes = new byte[written.remaining()];
        written.get(bytes);
        return java.deserialize(ByteBuffer.wrap(roundTrip(serializer, bytes)), null);
    }

    public static <T> T roundTrip(Serializer serializer, T value) {
        SerializerInstance instance = serializer.newInstance();
        T copy = instance.deserialize(instance.serialize(value, null), null);
        assertThat(copy).isNotSameAs(value);
        return copy;
    }

    private static FusionConfig config() {
        return new FusionConfig(GOLDEN.columns(), 40, false, EnumSet.allOf(Emitted.class));
    }

    private static RowDecoder decoder() {
        return PairedRows.decoder(
                config(),
                GOLDEN.checkpoint().config(),
                GoldenTable.FLAT,
                GoldenTable.MASK,
                GoldenTable.FLAT,
                GoldenTable.MASK);
    }

    private static List<String> fuse(Checkpoint checkpoint, FusionConfig config, RowDecoder decoder) {
        List<InternalRow> rows = new ArrayList<>();
        for (int r = 0; r < GOLDEN.rows(); r++) {
            rows.add(PairedRows.generic(
                    "p-" + r,
                    GoldenTable.stored(GOLDEN.sequence(0, r), GoldenTable.FLAT),
                    GOLDEN.mask(0, r),
                    GoldenTable.stored(GOLDEN.sequence(1, r), GoldenTable.FLAT),
                    GOLDEN.mask(1, r)));
        }
        FusionProgress progress = Counters.ofRun();
        List<String> fused = new ArrayList<>();
        try (FusionModel model = FusionModel.load(checkpoint);
                FusionWorkspace workspace = model.workspace(config.maxTokens(), EnumSet.allOf(Readout.class))) {
            FusedLayout layout =
                    roundTrip(new JavaSerializer(new SparkConf()), PairedRows.layout(config, checkpoint.config()));
            FusedRows result = new FusedRows(
                    StoredRows.of(rows.iterator(), SCHEMA, 1),
                    decoder,
                    layout,
                    BadRowHandler.FAIL,
                    () -> new ExecutorModel.Borrowed(model, workspace, null, () -> {}),
                    1,
                    progress,
                    Counters.ofTask(null, 0),
                    null);
            PairedRows.external(result, config, checkpoint.config()).forEachRemaining(row -> fused.add(row.toString()));
        }
        return fused;
    }
}
