package dev.braid.progress;

/**
 * What one stage of a fusion has cost.
 *
 * @param nanos the time that all fusing threads spent in it
 * @param multiplyAdds of its matrix products; 0 for a stage that has none
 */
public record StageCost(Stage stage, long nanos, long multiplyAdds) {}
