/**
 * Batch fusion of multimodal features on Apache Spark. Data goes one way, {@code read -> pair -> pack -> project ->
 * encode -> pool -> write}; {@code src/docs/design.md} shows the rooms. Only the error that every room may raise lives here, with
 * the classes that show names and numbers in messages and reports. Start at {@code dev.braid.job}.
 */
package dev.braid;
