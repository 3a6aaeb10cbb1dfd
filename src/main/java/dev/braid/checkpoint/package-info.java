/**
 * Reads a model directory, {@code config.json} and safetensors files, into one immutable value that can be broadcast.
 * Read {@link dev.braid.checkpoint.ModelConfig} first, the architecture that comes out; then {@link
 * dev.braid.checkpoint.CheckpointReader}, whose short {@code read} methods call everything else; then {@link
 * dev.braid.checkpoint.ModelTensors}, which says which tensors a model has.
 *
 * <p>Reading goes through {@link dev.braid.checkpoint.ConfigReader}, {@link dev.braid.checkpoint.WeightFiles}, {@link
 * dev.braid.checkpoint.StoredStack} and {@link dev.braid.checkpoint.ModelTensors}, in this order; for a model of one
 * vector per modality, through {@link dev.braid.checkpoint.VectorConfigReader}, {@code WeightFiles} and {@link
 * dev.braid.checkpoint.VectorTensors}. In {@code WeightFiles}, {@link dev.braid.checkpoint.CleanNames} removes what
 * training tools add to tensor names; the classes that follow see clean names only.
 * To support other names, extend {@link dev.braid.checkpoint.Dialect}. To support another published model, add a file
 * of its own, such as {@link dev.braid.checkpoint.Vilt}, and an entry in {@link
 * dev.braid.checkpoint.PublishedModel#ALL}.
 *
 * <p>May import {@code tensor}; Jackson and Hadoop's file system, which Spark provides.
 */
package dev.braid.checkpoint;
