/**
 * Batch fusion of multimodal features on Apache Spark. Data goes one way, {@code read -> pair -> pack -> project ->
 * encode -> pool -> write}, and the rooms lie in that order. Only the error that every room may raise lives here, with
 * the classes that show names in its message. Start at {@code dev.braid.job}.
 */
package dev.braid;
