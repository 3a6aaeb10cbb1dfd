"""Records what goes through the attention blocks of a module, and reads the blocks from it. Start at `steps`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from braid.blocks import is_block
from braid.encoder import activation_name, is_layer, layer_readings, linear_tensors, norm_tensors
from braid.errors import ExportError
from braid.golden import Row, same
from braid.norms import may_be_norm, read_norm
from braid.reference import ACTIVATIONS
from braid.settings import BY_HAND, settled_reading
from braid.trace import Call, Event, event_of, tensors_in
from braid.wrappers import Parts, within


@dataclass
class Step:
    """One layer that ran: the tokens [Q, D] of the stream that it changes, of the one that it reads, and its output.

    `config` holds the keys of a stack, `tensors` the layer's and `norm` those of a norm that follows, which makes `output`
    of `layer_output`.
    """

    path: str
    kind: str
    query: Tensor
    memory: Tensor | None
    layer_output: Tensor
    output: Tensor
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    norm: dict[str, Tensor]


@dataclass(frozen=True)
class Run:
    """The parts that one row ran through, in the order in which they ended, and the tensors that the module returned."""

    events: list[Event]
    returned: list[Tensor]


def has_cross_attention(parts: Parts) -> bool:
    """Whether a module has attention outside of encoder layers, or layers that may be of cross-attention."""
    layers = [path for path, part in parts.items() if is_layer(part) and not is_block(part)]
    return any(
        isinstance(part, (nn.TransformerDecoderLayer, nn.MultiheadAttention))
        and not any(within(path, layer) for layer in layers)
        for path, part in parts.items()
    )


def record(running: nn.Module, row: Row, run: Call) -> Run:
    """Runs a module on one row and records the calls of its layers, attentions, norms and Linears."""
    events: list[Event] = []
    handles = []

    def note(path: str, part: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        event = event_of(path, part, args, kwargs, output)
        if event is not None:
            events.append(event)

    whole: list[str] = []
    blocks: list[str] = []
    for path, part in running.named_modules():
        if any(within(path, layer) for layer in whole):
            continue
        if is_block(part):
            blocks.append(path)
        elif is_layer(part) or isinstance(part, (nn.TransformerDecoderLayer, nn.MultiheadAttention)):
            whole.append(path)
        elif not isinstance(part, (nn.Linear, nn.Embedding)) and not may_be_norm(part):
            continue
        handles.append(part.register_forward_hook(partial(note, path), with_kwargs=True))
    try:
        returned = list(tensors_in(run(running, row)))
    finally:
        for handle in handles:
            handle.remove()
    for block in blocks:
        # A block is a layer of its own unless its attention reads another stream: then its parts tell what it is.
        inner = [e for e in events if e.path != block and within(e.path, block)]
        crosses = any(len(e.inputs) > 1 and not same(*e.inputs[:2]) for e in inner if is_torch_attention(running, e.path))
        events = [e for e in events if not (e.path == block if crosses else e in inner)]
    return Run(events, returned)


def is_torch_attention(running: nn.Module, path: str) -> bool:
    return isinstance(running.get_submodule(path), nn.MultiheadAttention)


def steps(parts: Parts, run: Run, heads: int | None) -> list[Step]:
    """The layers that ran, in their order."""
    found: list[Step] = []
    used: set[int] = set()
    for i, event in enumerate(run.events):
        part = parts[event.path]
        if isinstance(part, nn.TransformerDecoderLayer):
            found.append(decoder_step(event, part))
        elif isinstance(part, nn.MultiheadAttention):
            found.append(cross_step(parts, run.events, i, used))
        elif is_layer(part):
            found.append(encoder_step(parts, event, heads))
    for i, event in enumerate(run.events):
        if i in used or not may_be_norm(parts[event.path]):
            continue
        for step in found:
            if step.output is step.layer_output and same(step.layer_output, event.inputs[0]):
                step.norm = norm_tensors(f"'{event.path}'", parts[event.path], step.config, "norm")
                step.output = event.output
                break
    return found


def encoder_step(parts: Parts, event: Event, heads: int | None) -> Step:
    x, y = event.inputs[0], event.output
    layers = layer_readings(parts, event.path, heads)
    facts, tensors = layers[settled_reading(layers, event.path, x, y)]
    kept = {"norm_type": "layer_norm", "gated_feed_forward": False, **facts}
    unfit = [key for key in ("rotary_embeddings",) if key in kept]
    if kept.pop("num_key_value_heads", kept["num_attention_heads"]) != kept["num_attention_heads"]:
        unfit.append("num_key_value_heads")
    if unfit:
        hint = "models of several streams have no such keys: see src/docs/models.md"
        raise ExportError(f"layer '{event.path}'", "a layer without rotations and grouped keys", unfit[0], hint)
    return Step(event.path, "encoder", x, None, y, y, kept, tensors, {})


def decoder_step(event: Event, layer: nn.TransformerDecoderLayer) -> Step:
    subject = f"layer '{event.path}'"
    config: dict[str, Any] = {
        "hidden_size": layer.self_attn.embed_dim,
        "num_attention_heads": layer.self_attn.num_heads,
        "intermediate_size": layer.linear1.out_features,
        "hidden_act": activation_name(subject, layer.activation),
        "norm_type": "layer_norm",
        "norm_first": layer.norm_first,
        "layer_norm_eps": layer.norm1.eps,
        "gated_feed_forward": False,
        "attention_output_projection": True,
    }
    tensors = {
        **attention_tensors(subject, layer.self_attn, "self_attn"),
        **attention_tensors(subject, layer.multihead_attn, "multihead_attn"),
    }
    for name in ("linear1", "linear2"):
        tensors |= linear_tensors(f"{subject}'s {name}", getattr(layer, name), name)
    for name in ("norm1", "norm2", "norm3"):
        tensors |= norm_tensors(f"{subject}'s {name}", getattr(layer, name), config, name)
    x, memory = event.inputs[:2]
    return Step(event.path, "decoder", x, memory, event.output, event.output, config, tensors, {})


def attention_tensors(subject: str, attention: nn.MultiheadAttention, name: str) -> dict[str, Tensor]:
    """The tensors of an nn.MultiheadAttention as it stores them."""
    if attention.bias_k is not None or attention.add_zero_attn:
        raise ExportError(subject, "attention over the row's own tokens", "add_bias_kv or add_zero_attn")
    return {f"{name}.{key}": tensor.detach() for key, tensor in attention.named_parameters()}


def cross_step(parts: Parts, events: list[Event], i: int, used: set[int]) -> Step:
    """A layer around an nn.MultiheadAttention, from the norms and Linears that ran on its input and output."""
    event = events[i]
    subject = f"'{event.path}'"
    attention: Any = parts[event.path]
    inputs = event.inputs
    key, value = inputs[1] if len(inputs) > 1 else inputs[0], inputs[2] if len(inputs) > 2 else inputs[-1]
    if not same(key, value):
        raise ExportError(subject, "keys and values of one stream", "different tensors", BY_HAND)
    if same(inputs[0], key):
        raise ExportError(subject, "self-attention in a layer with two norms and a feed-forward", "it alone", BY_HAND)
    norms = {j: e for j, e in enumerate(events) if may_be_norm(parts[e.path]) and j not in used}
    after = {j: e for j, e in norms.items() if j > i and same(e.inputs[0], inputs[0] + event.output)}
    before = {j: e for j, e in norms.items() if j < i and same(e.output, inputs[0])}
    if after:
        norm_first, (j, norm) = False, min(after.items())
        query, output = inputs[0], norm.output
    elif before:
        norm_first, (j, norm) = True, max(before.items())
        query, output = norm.inputs[0], norm.inputs[0] + event.output
    else:
        expected = "a norm before or after it, norm(x + attention(x, memory)) or x + attention(norm(x), memory)"
        raise ExportError(subject, expected, "none", BY_HAND)
    used.add(j)
    of_norm = read_norm(f"'{norm.path}'", parts[norm.path])
    config: dict[str, Any] = {
        "hidden_size": attention.embed_dim,
        "num_attention_heads": attention.num_heads,
        "norm_type": of_norm.type,
        "norm_first": norm_first,
        "layer_norm_eps": of_norm.eps,
        "attention_output_projection": True,
    }
    tensors = attention_tensors(subject, attention, "multihead_attn")
    tensors |= norm_tensors(f"'{norm.path}'", parts[norm.path], config, "norm1")
    fed = feed_forward(parts, events, max(i, j), output, config, tensors, used)
    if fed is None and attention.in_proj_weight is None:
        expected = "a feed-forward after attention to tokens of another size (kdim)"
        raise ExportError(subject, expected, "none", "project them to the hidden size before")
    output = output if fed is None else fed
    return Step(event.path, "cross_attention", query, key, output, output, config, tensors, {})


def feed_forward(
    parts: Parts, events: list[Event], after: int, x: Tensor, config: dict[str, Any], tensors: dict[str, Tensor],
    used: set[int],
) -> Tensor | None:  # fmt: skip
    """The output of the feed-forward with its norm that reads tokens `x`, which it adds to the layer; None if none does."""
    later = [(j, e) for j, e in enumerate(events) if j > after and j not in used]
    norms = [(j, e) for j, e in later if may_be_norm(parts[e.path])]
    linears = [e for _, e in later if isinstance(parts[e.path], nn.Linear)]
    entering = [(j, e, e.output) for j, e in norms if same(e.inputs[0], x)] if config["norm_first"] else [(-1, None, x)]
    for before, norm, inner in entering:
        for first in (e for e in linears if same(e.inputs[0], inner)):
            for (name, activation), second in ((known, e) for known in ACTIVATIONS.items() for e in linears):
                if not same(second.inputs[0], activation(first.output)):
                    continue
                behind = [(j, e) for j, e in norms if same(e.inputs[0], x + second.output)]
                j, own = (before, norm) if config["norm_first"] else behind[0] if behind else (-1, None)
                if own is None:
                    continue
                used.add(j)
                config |= {"hidden_act": name, "intermediate_size": first.output.shape[1], "gated_feed_forward": False}
                tensors |= linear_tensors(f"'{first.path}'", parts[first.path], "linear1")
                tensors |= linear_tensors(f"'{second.path}'", parts[second.path], "linear2")
                tensors |= norm_tensors(f"'{own.path}'", parts[own.path], config, "norm2")
                return x + second.output if config["norm_first"] else own.output
    return None
