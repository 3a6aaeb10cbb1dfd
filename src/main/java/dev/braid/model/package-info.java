/**
 * The fusion Transformer: a projection per modality, streams of tokens, stacks of layers on them, pooling. Start at
 * {@link dev.braid.model.FusionModel#fuse}, then {@code Steps}, {@code TransformerLayer}, {@code AttentionBlock} and
 * {@code FeedForward}: each holds its weights, packed once and shared by all threads, and writes into the
 * {@link dev.braid.model.FusionWorkspace} of one thread, which has a {@code TokenStream} for each stream. {@link
 * dev.braid.model.FusionModel#fuse(java.util.List)} takes arrays of ND4J instead. A model of one vector per modality has one step,
 * {@code VectorFusion}. May import {@code tensor}, {@code kernel}, {@code checkpoint} and {@code batch}.
 */
package dev.braid.model;
