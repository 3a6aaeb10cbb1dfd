/**
 * Feature sequences and their packing under a token budget. Start at {@link dev.braid.batch.Batch}: rows go in one after
 * the other, their real tokens lie side by side, and nothing is padded. May import {@code tensor}.
 */
package dev.braid.batch;
