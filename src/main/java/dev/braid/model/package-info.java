/**
 * The fusion Transformer: a projection per modality, a shared stack of encoder layers, pooling. Start at
 * {@link dev.braid.model.FusionModel#fuse}, then {@code EncoderLayer}, {@code SelfAttention} and {@code FeedForward}: each
 * holds its weights, packed once and shared by all threads, and writes into the {@link dev.braid.model.FusionWorkspace} of
 * one thread. {@link dev.braid.model.FusionModel#fuse(java.util.List)} takes arrays of ND4J's instead. May import
 * {@code tensor}, {@code kernel}, {@code checkpoint} and {@code batch}.
 */
package dev.braid.model;
