package dev.braid.checkpoint;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Recognises low-rank adapters (LoRA, Hu et al. 2021) in a model directory. */
final class Adapters {
    /** The name of the config file of peft's adapters. */
    static final String CONFIG = "adapter_config.json";

    /** The next step in an error message about an adapter. */
    static final String MERGE = "merge it, model = model.merge_and_unload() in peft, and save that model";

    /**
     * Names of adapter matrices of peft, loralib and kohya-ss: the name of the module that they change, then their own.
     */
    private static final Pattern LORA = Pattern.compile("(?<module>.*?\\.)lora_(A|B|down|up|magnitude_vector)(\\..*)?");

    private Adapters() {}

    /**
     * The prefix, with its dot, of the module that an adapter's tensor changes; empty if the tensor is not an
     * adapter's.
     */
    static Optional<String> module(String tensor) {
        Matcher lora = LORA.matcher(tensor);
        return lora.matches() ? Optional.of(lora.group("module")) : Optional.empty();
    }
}
