package dev.braid.checkpoint;

import java.util.List;
import java.util.stream.Collectors;

/**
 * Shell commands, shown in error messages, that write {@value WeightFiles#ONE} from the files of training tools. A
 * command merges its files. In each file it takes the only state dict: a dictionary, at any depth, that holds a tensor
 * of rank 1 or more and does not belong to an optimizer, hyperparameters, a callback or a random generator. If a file
 * has no state dict or several, two tensors have the same name, or a tensor has no elements, the command stops with a
 * message and writes nothing.
 */
final class ConversionCommand {
    /**
     * Copies every tensor, because safetensors does not store tensors that share memory. Contains no character that a
     * shell changes inside double quotes.
     */
    private static final String SCRIPT = "import sys, torch; from safetensors.torch import load_file, save_file;"
            + " T = torch.Tensor;"
            + " own = lambda k: isinstance(k, str) and not any(w in k for w in ('optim', 'hyper', 'callback', 'rng'));"
            + " dicts = lambda d, at: [(at, d)] * any(own(k) and isinstance(v, T) and v.dim() > 0 for k, v in d.items())"
            + " + [x for k, v in d.items() if own(k) and isinstance(v, dict) for x in dicts(v, [*at, k])];"
            + " one = lambda f, found: found[0][1] if len(found) == 1 else"
            + " sys.exit(f'{f}: expected one state dict, got those under the keys {[at for at, d in found]}');"
            + " load = lambda f: load_file(f) if f.endswith('.safetensors') else"
            + " torch.load(f, map_location='cpu', weights_only=True);"
            + " found = [x for f in sys.argv[1:] for x in one(f, dicts(load(f), [])).items() if isinstance(x[1], T)];"
            + " w = {k: v.detach().clone().contiguous() for k, v in found};"
            + " len(w) == len(found) or sys.exit('expected other tensors in each file, got some of one name;"
            + " give one file');"
            + " all(v.numel() for v in w.values()) or sys.exit('expected whole tensors, got some without elements,"
            + " as of DeepSpeed ZeRO-3; use zero_to_fp32.py');"
            + " save_file(w, 'model.safetensors')";

    private ConversionCommand() {}

    /** The command that merges several files, or converts one. */
    static String of(List<String> files) {
        return command(files.stream().map(ConversionCommand::argument).collect(Collectors.joining(" ")));
    }

    /** The command that merges all files whose names begin and end like this. */
    static String ofAll(String begin, String end) {
        return command(argument(begin) + "*" + quoted(end));
    }

    /** The command that converts a checkpoint of torch.distributed.checkpoint in the working directory. */
    static String ofDistributed() {
        return "python -c \"from torch.distributed.checkpoint.format_utils import dcp_to_torch_save;"
                + " dcp_to_torch_save('.', 'model.pt')\" && " + command("model.pt");
    }

    private static String command(String arguments) {
        return "python -c \"" + SCRIPT + "\" " + arguments;
    }

    /** The name of a file, written so that it cannot be mistaken for an option. */
    private static String argument(String name) {
        return (name.startsWith("-") ? "./" : "") + quoted(name);
    }

    private static String quoted(String text) {
        return text.matches("[A-Za-z0-9_.-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
