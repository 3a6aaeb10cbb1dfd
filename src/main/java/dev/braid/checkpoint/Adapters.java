package dev.braid.checkpoint;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What low-rank adapters (LoRA, Hu et al. 2021) leave of themselves in a model directory. */
final class Adapters {
    /** The config of peft's adapters. */
    static final String CONFIG = "adapter_config.json";

    /** What a user does with an adapter. */
    static final String MERGE = "merge it, model = model.merge_and_unload() in peft, and save that model";

    /** Matrices of peft, loralib and kohya-ss, each behind the module that they change. */
    private static final Pattern LORA = Pattern.compile("(?<module>.*?\\.)lora_(A|B|down|up|magnitude_vector)(\\..*)?");

    private Adapters() {}

    /** The module, with its dot, that a tensor adapts; empty if the tensor is no adapter's. */
    static Optional<String> module(String tensor) {
        Matcher lora = LORA.matcher(tensor);
        return lora.matches() ? Optional.of(lora.group("module")) : Optional.empty();
    }
}
