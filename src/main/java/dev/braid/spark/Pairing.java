package dev.braid.spark;

/** Brings the modalities of each row together, for all keys or for some. */
interface Pairing {
    /** So many keys are sent to every executor, by the driver, rather than shuffling features. */
    int BROADCAST_KEYS = 100_000;

    /** All rows. */
    PairedTable all();

    /** All rows but those with a key that occurs more than once or, unless they are to be fused, that lack a modality. */
    PairedTable without(AuditedKeys keys);

    /** The rows that are to be fused into a table that has others of them. */
    PairedTable updating(AuditedKeys keys);
}
