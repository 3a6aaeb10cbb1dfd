package dev.braid.progress;

import java.util.Locale;

/**
 * The stages on which a fusing task spends its time, in the order in which a row passes through them. The norms of a
 * layer count toward its attention or feed-forward.
 */
public enum Stage {
    /** Getting the model: the first task of a JVM loads and verifies it while the others wait. */
    LOAD,
    /** Getting rows: scanning files, or the shuffled rows and the merge of a join. */
    READ,
    /** Finding the sequences of a row and checking them. */
    DECODE,
    /** Copying features, as float32, to where the projection reads them; copying the key and the kept columns. */
    PACK,
    /** The modalities' projections, embeddings, and the concatenation. */
    PROJECT,
    /** Queries, keys and values, scores and context, output projection. */
    ATTENTION,
    /** The two Linears with the activation between them. In a model of one vector per modality, all its steps. */
    FEED_FORWARD,
    /** The final LayerNorm, the pooler, and the arrays of the output row with their hash. */
    POOL,
    /** Whatever Spark does with a fused row, such as writing Parquet. */
    WRITE;

    /** The name that users see: {@code feed-forward}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
