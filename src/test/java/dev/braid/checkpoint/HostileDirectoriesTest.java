package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.braid.InputException;
import dev.braid.SlowShare;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Damaged model directories are read or refused with a message: no other exception, no hang, and no more memory than a
 * small multiple of the files. The tests of the tag {@code slow} damage a million headers:
 * {@code mvn test -Dgroups=slow -DexcludedGroups=}.
 */
class HostileDirectoriesTest {
    /** What a reading allocates whatever the files: paths, streams, messages. */
    private static final long CONSTANT = 1L << 20;

    /** JSON trees, names and what is expected under them are a multiple of the text. */
    private static final long MULTIPLE = 250;

    private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(20);

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path path;

    private final Configuration hadoop = MemoryFileSystem.hadoop();
    private long read;
    private long refused;

    /** What classes allocate as they are loaded is no file's. */
    @BeforeEach
    void warmUp() {
        MemoryFileSystem.write("config.json", everyPartConfig().getBytes(StandardCharsets.UTF_8));
        MemoryFileSystem.write("model.safetensors", everyPart().tensors().bytes());
        Checkpoint.read(MemoryFileSystem.DIRECTORY, hadoop);
    }

    @AfterEach
    void clear() {
        MemoryFileSystem.clear();
    }

    private void readHostile(String config, byte[] weights, long seed) {
        readHostile(config.getBytes(StandardCharsets.UTF_8), weights, seed);
    }

    private void readHostile(byte[] config, byte[] weights, long seed) {
        MemoryFileSystem.write("config.json", config);
        MemoryFileSystem.write("model.safetensors", weights);
        long started = System.nanoTime();
        long before = THREADS.getCurrentThreadAllocatedBytes();
        Checkpoint checkpoint = null;
        String message = null;
        try {
            checkpoint = Checkpoint.read(MemoryFileSystem.DIRECTORY, hadoop);
        } catch (InputException e) {
            message = e.getMessage();
        } catch (RuntimeException | Error e) {
            throw new AssertionError("seed " + seed, e);
        }
        long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
        long nanos = System.nanoTime() - started;
        long most = CONSTANT + MULTIPLE * (config.length + weights.length);
        if (allocated > most || nanos > LONGEST_NANOS) {
            throw new AssertionError(
                    "seed " + seed + ": " + allocated + " bytes allocated of " + most + ", " + nanos + " ns");
        }
        if (checkpoint != null) {
            assertThat(checkpoint.bytes()).isLessThanOrEqualTo(weights.length);
            read++;
        } else {
            assertThat(message).as("seed " + seed).startsWith("Cannot ").contains(": expected ", ", got ");
            refused++;
        }
    }

    /** A model with every optional part, small. */
    private ModelDirectory everyPart() {
        ModelDirectory model = new ModelDirectory(path);
        model.projections();
        model.torchLayer("encoder.layers.0.");
        model.norm("encoder.norm");
        model.norm("embedding_layer_norm");
        model.linear("pooler.dense", 8, 8);
        model.tensors()
                .random("cls_token", 1, 1, 8)
                .random("modality_embeddings.weight", 2, 8)
                .random("position_embeddings.visual.weight", 3, 8)
                .random("position_embeddings.text.weight", 4, 8);
        return model;
    }

    private static String everyPartConfig() {
        return ModelDirectory.CONFIG
                .formatted(
                        ", \"norm_first\": true, \"hidden_act\": \"gelu\", \"cls_token\": true, \"pooling\": \"pooler\","
                                + " \"modality_embeddings\": true, \"position_embeddings\": true, \"embedding_layer_norm\": true,"
                                + " \"final_layer_norm\": true, \"tensor_prefixes\": {\"encoder\": \"encoder\"}")
                .replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
    }

    private void damageHeaders(int count, long firstSeed) {
        SafetensorsWriter tensors = everyPart().tensors();
        String header = tensors.header().strip();
        byte[] data = tensors.dataBytes();
        List<String> pieces = Stream.concat(
                        tensors.names().stream().map(name -> "\"" + name + "\""),
                        Stream.of(
                                "\"dtype\"",
                                "\"shape\"",
                                "\"data_offsets\"",
                                "\"__metadata__\"",
                                "\"F4\"",
                                "\"F64\"",
                                "\"BF16\"",
                                "layers.999999999.",
                                "layers.1.",
                                "encoder.",
                                "module.",
                                "._orig_mod",
                                "{\"__metadata__\":{\"cls_token\":\"encoder.norm.bias\"},",
                                "4611686018427387904"))
                .toList();
        String config = everyPartConfig();
        readHostile(config, SafetensorsWriter.file(header, data), 0);
        assertThat(read).isEqualTo(1);
        for (long seed = firstSeed; seed < firstSeed + count; seed++) {
            RandomGenerator random = Mutation.random(seed);
            byte[] damaged = Mutation.of(header, pieces, random);
            ByteBuffer file = ByteBuffer.allocate(Long.BYTES + damaged.length + data.length)
                    .order(ByteOrder.LITTLE_ENDIAN);
            file.putLong(random.nextInt(32) == 0 ? random.nextLong() >> random.nextInt(64) : damaged.length);
            file.put(damaged).put(data);
            byte[] bytes = file.array();
            readHostile(config, random.nextInt(32) == 0 ? cut(bytes, random) : bytes, seed);
        }
        assertThat(refused).isGreaterThan(count / 2);
        assertThat(read).isGreaterThan(count / 1000);
    }

    private static byte[] cut(byte[] bytes, RandomGenerator random) {
        return Arrays.copyOf(bytes, random.nextInt(bytes.length));
    }

    private void damageConfigs(int count, long firstSeed) {
        List<String> configs = new ArrayList<>(List.of(everyPartConfig()));
        List<byte[]> weights = new ArrayList<>(List.of(everyPart().tensors().bytes()));
        for (String name : List.of("flava", "vilt", "visual-bert", "torchmultimodal-flava")) {
            ModelDirectory model = ModelDirectory.golden(name, path);
            configs.add(model.config());
            weights.add(model.tensors().bytes());
        }
        List<String> pieces = List.of(
                "\"model_type\"",
                "\"flava\"",
                "\"vilt\"",
                "\"fusion_encoder\"",
                "\"modalities\"",
                "\"hidden_size\"",
                "\"num_hidden_layers\"",
                "\"num_attention_heads\"",
                "\"intermediate_size\"",
                "\"hidden_act\"",
                "\"norm_first\"",
                "\"pooling\"",
                "\"cls_token\"",
                "\"tensor_prefixes\"",
                "\"encoder\"",
                "\"text\"",
                "\"multimodal_config\"",
                "\"multimodal_config_dict\"",
                "\"image_config\"",
                "\"qkv_bias\"",
                "\"gelu\"",
                "\"layer_norm_eps\"",
                "\"name\"",
                "\"feature_size\"");
        for (int i = 0; i < configs.size(); i++) {
            readHostile(configs.get(i), weights.get(i), -i);
        }
        assertThat(read).isEqualTo(configs.size());
        for (long seed = firstSeed; seed < firstSeed + count; seed++) {
            RandomGenerator random = Mutation.random(seed);
            int i = random.nextInt(configs.size());
            readHostile(Mutation.of(configs.get(i), pieces, random), weights.get(i), seed);
        }
        assertThat(refused).isGreaterThan(count / 4);
        assertThat(read).isGreaterThan(configs.size());
    }

    @Test
    @Timeout(120)
    void damagedHeadersAreReadOrRefused() {
        damageHeaders(5_000, new Random().nextLong(1L << 40));
    }

    @Test
    @Timeout(120)
    void damagedConfigsAreReadOrRefused() {
        damageConfigs(3_000, new Random().nextLong(1L << 40));
    }

    @Test
    @Tag("slow")
    void aMillionDamagedHeadersAreReadOrRefused() {
        damageHeaders(SlowShare.of(1_000_000), 1L << 40);
    }

    @Test
    @Tag("slow")
    void aHundredThousandDamagedConfigsAreReadOrRefused() {
        damageConfigs(SlowShare.of(100_000), 1L << 40);
    }

    /** A reading would wait until somebody writes into it. */
    @ParameterizedTest
    @ValueSource(strings = {"config.json", "model.safetensors", "model.safetensors.index.json", "golden.safetensors"})
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aPipeIsRefused(String name) throws Exception {
        ModelDirectory model = ModelDirectory.seed(path);
        model.write();
        ModelConfig config = model.inspect().checkpoint().config();
        if (name.equals(WeightFiles.INDEX)) {
            Files.delete(path.resolve(WeightFiles.ONE));
        }
        Files.deleteIfExists(path.resolve(name));
        assertThat(new ProcessBuilder("mkfifo", path.resolve(name).toString())
                        .start()
                        .waitFor())
                .isZero();
        Configuration local = new Configuration();
        String directory = path.toString();
        assertThatThrownBy(
                        name.equals(Golden.FILE)
                                ? () -> Golden.read(directory, config, local)
                                : () -> Checkpoint.read(directory, local))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("Cannot read " + name + ": expected a regular file, got a pipe or a device");
        assertThatThrownBy(() -> ModelDigest.of(directory, local).sha256())
                .isInstanceOf(InputException.class)
                .hasMessageContaining("a pipe or a device");
    }

    /** Work stays in proportion to the number of tensors. */
    @Tag("slow")
    @Test
    @Timeout(60)
    void veryManyTensorsAreReadOrRefusedInTime() {
        byte[] one = new byte[4];
        for (String name : List.of(
                "layers.%d.linear1.weight",
                "layers.%d.norm1.bias",
                "a%d.layers.0.linear1.weight",
                "x%d",
                "a.%d.b",
                "module.module._orig_mod.layers.%d.module.linear1.weight",
                "module%d.module.gamma",
                "a%d.lora_A.weight")) {
            SafetensorsWriter tensors = new SafetensorsWriter();
            IntStream.range(0, 30_000).forEach(i -> tensors.tensor(name.formatted(i), DType.F32, one, 1, 1));
            readHostile(ModelDirectory.CONFIG.formatted(""), tensors.bytes(), 0);
            readHostile(
                    ModelDirectory.CONFIG
                            .formatted("")
                            .replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 30000"),
                    tensors.bytes(),
                    1);
        }
        SafetensorsWriter shared = new SafetensorsWriter().tensor("layers.0.linear1.weight", DType.F32, one, 1, 1);
        IntStream.range(1, 30_000)
                .forEach(i -> shared.share("layers." + i + ".linear1.weight", "layers.0.linear1.weight"));
        readHostile(ModelDirectory.CONFIG.formatted(""), shared.bytes(), 3);
        SafetensorsWriter deep = new SafetensorsWriter();
        deep.tensor("a.".repeat(1 << 20) + "layers.0.self_attn.in_proj_weight", DType.F32, one, 1, 1);
        readHostile(ModelDirectory.CONFIG.formatted(""), deep.bytes(), 2);
    }
}
