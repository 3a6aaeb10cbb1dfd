/**
 * The fusion Transformer: a projection per modality, streams of tokens, stacks of layers on them, pooling. Read {@link
 * dev.braid.model.FusionModel#fuse} first, then {@code Steps}, which builds the forward pass, and {@code
 * TransformerLayer} with its {@code AttentionBlock} and {@code FeedForward}.
 *
 * <p>The model and its steps hold the weights, packed once and shared by all threads. They write to the {@link
 * dev.braid.model.FusionWorkspace} of one thread, which has a {@code TokenStream} for each stream. A model of one
 * vector per modality has a single step, {@code VectorFusion}. {@link dev.braid.model.FusionModel#fuse(java.util.List)}
 * fuses ND4J arrays without Spark.
 *
 * <p>May import {@code tensor}, {@code kernel}, {@code checkpoint} and {@code batch}.
 */
package dev.braid.model;
