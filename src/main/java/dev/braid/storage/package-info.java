/**
 * Files on any file system that Hadoop knows: what a path means ({@link dev.braid.storage.TablePath}), whether two
 * paths are the same place ({@link dev.braid.storage.ResolvedPath}), which places a run reads ({@link
 * dev.braid.storage.InputPlaces}), and what the footers of Parquet files say ({@link
 * dev.braid.storage.Footers}). Start at {@link dev.braid.storage.Footers#read}; many calls to a storage run at the same
 * time ({@link dev.braid.storage.StorageCalls}). {@link dev.braid.storage.JvmLocalFileSystem} is the local file system
 * of the embedded start. May import {@code failure}.
 */
package dev.braid.storage;
