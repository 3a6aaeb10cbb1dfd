package dev.braid.model;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.BoxConfig;
import dev.braid.checkpoint.BoxFusion;
import dev.braid.checkpoint.ModalityConfig;
import java.util.Random;

/** Modalities of every kind: features, features with boxes, token ids. */
final class RandomModality {
    private RandomModality() {}

    static ModalityConfig any(String name, int featureSize, int maxPositions, Random random) {
        BoxFusion[] fusions = BoxFusion.values();
        return switch (random.nextInt(4)) {
            case 0 -> new ModalityConfig(name, featureSize, null, 1 + random.nextInt(30), true, maxPositions);
            case 1 ->
                new ModalityConfig(
                        name,
                        featureSize,
                        new BoxConfig(1 + random.nextInt(7), fusions[random.nextInt(fusions.length)]),
                        0,
                        false,
                        maxPositions);
            default -> new ModalityConfig(name, featureSize, maxPositions);
        };
    }

    /** Normally distributed features and boxes, or ids. */
    static FeatureSequence sequence(ModalityConfig modality, int tokens, Random random) {
        if (!modality.tokenIds()) {
            return StoredFloats.normal(random, tokens, modality.tokenSize());
        }
        float[] ids = new float[tokens];
        for (int t = 0; t < tokens; t++) {
            ids[t] = random.nextInt(modality.vocabularySize());
        }
        return new StoredFloats(ids, tokens);
    }
}
