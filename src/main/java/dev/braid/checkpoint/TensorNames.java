package dev.braid.checkpoint;

import dev.braid.checkpoint.TensorNames.LayerNames.Part;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The names under which training code stores the parts of a model. A dialect is a row of {@link #DIALECTS}. */
final class TensorNames {
    private static final List<LayerNames> DIALECTS = List.of(
            // torch.nn.TransformerEncoderLayer: the rows of one matrix are query, key and value.
            new LayerNames(
                    new Part(0, 3, "self_attn.in_proj_*"),
                    new Part(1, 3, "self_attn.in_proj_*"),
                    new Part(2, 3, "self_attn.in_proj_*"),
                    new Part("self_attn.out_proj.*"),
                    new Part("linear1.*"),
                    new Part("linear2.*"),
                    new Part("norm1.*"),
                    new Part("norm2.*")),
            // The seed's own layer, and as its listing spells it.
            new LayerNames(
                    new Part("self_attention.query_proj.*", "self_attntion.query_proj.*"),
                    new Part(
                            "self_attention.key_proj.*",
                            "self_attention.ke_proj.*",
                            "self_attntion.key_proj.*",
                            "self_attntion.ke_proj.*"),
                    new Part("self_attention.value_proj.*", "self_attntion.value_proj.*"),
                    new Part("self_attention.out_proj.*", "self_attntion.out_proj.*"),
                    new Part("feed_forward_network.0.*"),
                    new Part("feed_forward_network.2.*"),
                    new Part("norm1.*"),
                    new Part("norm2.*")));

    /** Projections of modalities whose word in the seed module is not their name. */
    private static final Map<String, String> PROJECTION_WORDS = Map.of("text", "textual");

    private static final Pattern NUMBER = Pattern.compile("layers\\.(\\d{1,9})\\.");

    /** What stands before a layer's parts where it is one of a stack. */
    private static final Pattern NUMBERED = Pattern.compile("((?:.*\\.)?)" + NUMBER, Pattern.DOTALL);

    private TensorNames() {}

    /** The parts of an encoder layer in one dialect. */
    record LayerNames(
            Part query,
            Part key,
            Part value,
            Part output,
            Part feedForward1,
            Part feedForward2,
            Part norm1,
            Part norm2) {

        /**
         * One part: part {@code slice} of {@code slices} of a tensor's rows.
         *
         * @param names alternatives; * stands for weight or bias
         */
        record Part(int slice, int slices, List<String> names) {
            Part(int slice, int slices, String... names) {
                this(slice, slices, List.of(names));
            }

            Part(String... names) {
                this(0, 1, names);
            }

            /** Of the alternatives under {@code prefix} the one that is stored, else the first. */
            String in(Collection<String> stored, String prefix) {
                return names.stream()
                        .map(prefix::concat)
                        .filter(name -> stored.contains(weight(name)) || stored.contains(bias(name)))
                        .findFirst()
                        .orElse(prefix + names.get(0));
            }
        }
    }

    /**
     * Where a checkpoint keeps its encoder.
     *
     * @param prefix with its dot, or empty
     * @param stacked whether layers are numbered, {@code layers.{i}.}, or one stands right under the prefix
     */
    record Encoder(String prefix, boolean stacked, LayerNames names) {

        /** What stands before the parts of layer {@code i}. */
        String layer(int i) {
            return stacked ? prefix + "layers." + i + "." : prefix;
        }

        /** The number of the layer that a tensor belongs to, or -1. */
        int layerOf(String tensor) {
            if (!stacked || !tensor.startsWith(prefix)) {
                return -1;
            }
            Matcher number = NUMBER.matcher(tensor).region(prefix.length(), tensor.length());
            return number.lookingAt() ? Integer.parseInt(number.group(1)) : -1;
        }
    }

    static String weight(String name) {
        return name.replace("*", "weight");
    }

    static String bias(String name) {
        return name.replace("*", "bias");
    }

    /** Where the projection of a modality stands unless {@code tensor_prefixes} says otherwise; * as in a part. */
    static String projection(String modality) {
        return PROJECTION_WORDS.getOrDefault(modality, modality) + "_extractor.model_net.*";
    }

    /**
     * Every encoder that the names tell of, each with the tensor that told of it. A numbered layer is known by its query
     * or first feed-forward weight, one without a number by its query weight alone.
     */
    static Map<Encoder, String> encoders(Collection<String> stored) {
        Map<Encoder, String> found = new LinkedHashMap<>();
        for (String tensor : stored) {
            for (LayerNames names : DIALECTS) {
                String layer = before(tensor, names.query());
                boolean known = layer != null;
                if (layer == null) {
                    layer = before(tensor, names.feedForward1());
                }
                if (layer == null) {
                    continue;
                }
                Matcher numbered = NUMBERED.matcher(layer);
                if (numbered.matches()) {
                    found.putIfAbsent(new Encoder(numbered.group(1), true, names), tensor);
                } else if (known) {
                    found.putIfAbsent(new Encoder(layer, false, names), tensor);
                }
            }
        }
        return found;
    }

    /** What stands before a part's weight in a tensor's name, or null. */
    private static String before(String tensor, Part part) {
        for (String name : part.names()) {
            String weight = weight(name);
            String prefix = tensor.substring(0, Math.max(0, tensor.length() - weight.length()));
            if (tensor.endsWith(weight) && (prefix.isEmpty() || prefix.endsWith("."))) {
                return prefix;
            }
        }
        return null;
    }

    /** The tensors that {@link #encoders} looks for, as an error message names them. */
    static String encoderExamples() {
        return DIALECTS.stream()
                .map(names -> "'"
                        + weight(new Encoder("", true, names).layer(0)
                                + names.query().names().get(0)) + "'")
                .collect(Collectors.joining(" or "));
    }
}
