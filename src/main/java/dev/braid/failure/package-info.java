/**
 * Why a run failed, in one sentence, and whether it is worth another try. Start at {@link dev.braid.failure.SparkFailure}, which
 * finds the reason among the exceptions that Spark wraps around it; {@link dev.braid.failure.Diagnosis} then says whether a retry
 * can help. Knows exceptions by their names and messages, and imports neither Spark nor another room.
 */
package dev.braid.failure;
