package dev.braid.model;

import java.util.Locale;

/** What the time of a fusing task goes to, in the order in which a row meets it. A LayerNorm counts with the block it is of. */
public enum Stage {
    /** Getting a model: loaded and proven by the first task of a JVM, awaited by those beside it. */
    LOAD,
    /** Getting rows: scanning files, or the shuffled rows and the merge of a join. */
    READ,
    /** Finding the sequences in a row and checking them. */
    DECODE,
    /** Copying features as float32 to where the projection reads them, and the key and kept columns. */
    PACK,
    /** The modalities' projections, embeddings, and the concatenation. */
    PROJECT,
    /** Queries, keys and values, scores and context, output projection. */
    ATTENTION,
    /** The two Linears with the activation between them; all steps of a model of vectors. */
    FEED_FORWARD,
    /** The final LayerNorm, the pooler, and the arrays of the output row with their hash. */
    POOL,
    /** What the task does with a fused row: Parquet, or whatever else asked for it. */
    WRITE;

    /** The name that users see: {@code feed-forward}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
