package dev.braid.spark;

/** Brings the modalities of each row together, for all keys or for some. */
interface Pairing {
    /** All rows. */
    PairedTable all();

    /** All rows, except those whose key occurs more than once and, unless they are to be fused, those that lack a modality. */
    PairedTable without(AuditedKeys keys);

    /** The rows to fuse in an update: those that the table to update does not have yet. */
    PairedTable updating(AuditedKeys keys);
}
