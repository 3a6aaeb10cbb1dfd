package dev.braid.task;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.failure.TransientException;
import dev.braid.model.FusionModel;
import dev.braid.model.GoldenCheck;
import dev.braid.tensor.Precision;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.BlockManagerId;

/**
 * Sends a checkpoint and its proof to the executors. They are broadcast as plain byte arrays, which every serializer of Spark
 * accepts, even Kryo with required registration. Their SHA-256 travels with the tasks. Each executor JVM checks it before it
 * uses the bytes, which takes 0.6 s of one core per GB (4 s on processors without SHA instructions).
 */
public final class BroadcastModel implements Serializable {
    private static final long serialVersionUID = 1L;

    /** Bytes of one broadcast. */
    private static final int CHUNK_BYTES = 64 << 20;

    private final UUID id = UUID.randomUUID();
    private final Precision precision;
    private final List<Broadcast<byte[]>> chunks;
    /** Digest of all chunks, computed on the driver. */
    private final byte[] sha256;

    private BroadcastModel(Precision precision, List<Broadcast<byte[]>> chunks, byte[] sha256) {
        this.precision = precision;
        this.chunks = chunks;
        this.sha256 = sha256;
    }

    /** Broadcasts a model. Spark sends nothing before the first task asks for it. */
    public static BroadcastModel of(
            JavaSparkContext spark, Checkpoint checkpoint, Optional<GoldenCheck> proof, Precision precision) {
        Chunks chunks = new Chunks(spark);
        try (ObjectOutputStream out = new ObjectOutputStream(chunks)) {
            out.writeObject(checkpoint);
            out.writeObject(proof.orElse(null));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        return new BroadcastModel(precision, chunks.chunks, chunks.sha256.digest());
    }

    public UUID id() {
        return id;
    }

    /**
     * Frees the broadcasts on all executors, and waits until they are freed: Spark would log errors if it stopped before that.
     * The driver's own bytes are freed with this object.
     */
    public void free() {
        chunks.forEach(chunk -> chunk.unpersist(true));
    }

    /**
     * Loads the model in this JVM, and verifies its proof if there is one.
     *
     * @throws InputException if the model cannot be loaded or proven here; the message names the executor
     * @throws TransientException if the bytes that arrived differ from those that the driver sent
     */
    FusionModel load() {
        check();
        try (ObjectInputStream in = new ObjectInputStream(bytes())) {
            FusionModel model = FusionModel.load((Checkpoint) in.readObject(), precision);
            GoldenCheck proof = (GoldenCheck) in.readObject();
            if (proof != null) {
                prove(model, proof);
            }
            return model;
        } catch (InputException refused) {
            throw new InputException(here() + refused.getMessage(), refused);
        } catch (IOException | ClassNotFoundException failure) {
            throw new IllegalStateException("Cannot read the broadcast model: " + failure, failure);
        }
    }

    private void check() {
        MessageDigest digest = sha256();
        for (Broadcast<byte[]> chunk : chunks) {
            digest.update(chunk.value());
        }
        byte[] got = digest.digest();
        if (!MessageDigest.isEqual(got, sha256)) {
            throw new TransientException(
                    here() + "Cannot load the model: expected the bytes that the driver sent (SHA-256 " + hex(sha256)
                            + "), got others (" + hex(got) + "); they were damaged on their way or in memory: run it"
                            + " again, without this machine if it happens there again",
                    null);
        }
    }

    private static String here() {
        BlockManagerId executor = SparkEnv.get().blockManager().blockManagerId();
        return "On executor '" + executor.executorId() + "' (" + executor.host() + "): ";
    }

    private static String hex(byte[] digest) {
        return HexFormat.of().formatHex(digest, 0, 8) + "...";
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    private InputStream bytes() {
        List<InputStream> streams = new ArrayList<>();
        for (Broadcast<byte[]> chunk : chunks) {
            streams.add(new ByteArrayInputStream(chunk.value()));
        }
        return new SequenceInputStream(Collections.enumeration(streams));
    }

    private static void prove(FusionModel model, GoldenCheck proof) {
        try {
            proof.verify(model);
        } catch (RuntimeException | Error failure) {
            model.close();
            throw failure;
        }
    }

    /** Broadcasts and digests the written bytes, one chunk at a time. */
    private static final class Chunks extends OutputStream {
        private final JavaSparkContext spark;
        private final List<Broadcast<byte[]>> chunks = new ArrayList<>();
        private final MessageDigest sha256 = sha256();
        private byte[] chunk = new byte[1 << 20];
        private int length;

        Chunks(JavaSparkContext spark) {
            this.spark = spark;
        }

        @Override
        public void write(int value) {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int count) {
            int written = 0;
            while (written < count) {
                if (length == CHUNK_BYTES) {
                    broadcast();
                }
                int taken = Math.min(count - written, CHUNK_BYTES - length);
                if (length + taken > chunk.length) {
                    chunk = Arrays.copyOf(chunk, Math.min(CHUNK_BYTES, Math.max(2 * chunk.length, length + taken)));
                }
                System.arraycopy(bytes, offset + written, chunk, length, taken);
                length += taken;
                written += taken;
            }
        }

        private void broadcast() {
            sha256.update(chunk, 0, length);
            chunks.add(spark.broadcast(length == chunk.length ? chunk : Arrays.copyOf(chunk, length)));
            chunk = new byte[1 << 20];
            length = 0;
        }

        @Override
        public void close() {
            broadcast();
        }
    }
}
