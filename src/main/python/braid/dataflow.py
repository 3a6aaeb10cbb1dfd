"""Runs a module, records the calls of its parts, and reads its layers from them. Start at `record` and `layer_runs`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from braid.attentions import attentions, crosses, is_own, torch_tensors
from braid.blocks import is_block
from braid.encoder import activation_name, is_layer, layer_readings, linear_tensors, norm_tensors
from braid.golden import Row, same
from braid.norms import may_be_norm
from braid.reference import NORMS
from braid.settings import settled_reading
from braid.sublayers import layers as layers_of
from braid.trace import Call, Event, consists_of, event_of, tensors_in
from braid.wrappers import Parts, parts_of, within


@dataclass
class LayerRun:
    """One layer that ran: the tokens [Q, D] of its stream, the memory that it reads, if any, and its output.

    `config` holds the keys of a stack, and `tensors` the layer's tensors. If a norm follows the layer, it made `output`
    from `layer_output`, and `norm` holds its tensors. `unnormed` is set if a norm made the memory that may belong to
    the layer: the norm's input and path.
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
    unnormed: tuple[Tensor, str] | None = None


@dataclass(frozen=True)
class Run:
    """What ran for one row: the calls of parts, in the order in which they ended, and the returned tensors."""

    events: list[Event]
    returned: list[Tensor]


def has_cross_attention(parts: Parts) -> bool:
    """Whether a module has attention outside of encoder layers, or layers that may have cross-attention."""
    layers = [path for path, part in parts.items() if is_layer(part) and not is_block(part)]
    return any(
        (isinstance(part, (nn.TransformerDecoderLayer, nn.MultiheadAttention)) or is_own(part))
        and not any(within(path, layer) for layer in layers)
        for path, part in parts.items()
    )


def record(running: nn.Module, row: Row, run: Call) -> Run:
    """Runs a module on one row and records the calls of its layers, attentions, norms, Linears and embeddings."""
    events: list[Event] = []
    handles = []

    def note(path: str, part: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        event = event_of(path, part, args, kwargs, output)
        if event is not None:
            events.append(event)

    parts = parts_of(running)
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
        # A block is recorded as one layer. If its attention reads another stream, its parts are recorded instead.
        inner = [e for e in events if e.path != block and within(e.path, block)]
        taken_apart = crosses(parts, inner, block)
        events = [e for e in events if not (e.path == block if taken_apart else e in inner)]
    return Run(events, returned)


def layer_runs(parts: Parts, run: Run, heads: int | None) -> list[LayerRun]:
    """The layers that ran, in order."""
    placed: list[tuple[int, LayerRun]] = []
    for i, event in enumerate(run.events):
        part = parts[event.path]
        if isinstance(part, nn.TransformerDecoderLayer):
            placed.append((i, decoder_step(event, part)))
        elif is_layer(part):
            placed.append((i, encoder_step(parts, event, heads)))
    layers, used = layers_of(parts, run.events, attentions(parts, run.events, heads))
    for layer in layers:
        first, last = layer.sublayers[0], layer.sublayers[-1]
        kinds = layer.kind, first.entering, layer.memory, last.leaving, last.leaving, layer.config, layer.tensors
        placed.append((layer.at, LayerRun(first.path, *kinds, {}, layer.unnormed)))
    found = [step for _, step in sorted(placed, key=lambda of: of[0])]
    norms = [event for i, event in enumerate(run.events) if i not in used and may_be_norm(parts[event.path])]
    for event in norms:
        for step in found:
            if not step.norm and same(step.layer_output, event.inputs[0]):
                step.norm = norm_tensors(f"'{event.path}'", parts[event.path], step.config, "norm")
                step.output = event.output
                break
    for step in found:
        if not step.norm:
            step.output = normed_in_part(parts, run, step, step.layer_output)
    return found


def normed_in_part(parts: Parts, run: Run, step: LayerRun, x: Tensor) -> Tensor:
    """The tokens that a step leaves; all normalised if a norm reads some of them and nothing else reads all."""
    if any(contains(of, x) for event in run.events for of in event.inputs):
        return x
    for event in run.events:
        if may_be_norm(parts[event.path]) and consists_of(event.inputs[0], x):
            step.norm = norm_tensors(f"'{event.path}'", parts[event.path], step.config, "norm")
            weights = {name: tensor.to("cpu", torch.float32) for name, tensor in step.norm.items()}
            normalise = NORMS[step.config["norm_type"]]
            return normalise(x, weights["norm.weight"], weights.get("norm.bias"), step.config["layer_norm_eps"])
    return x


def contains(x: Tensor, tokens: Tensor) -> bool:
    return any(same(x[i : i + len(tokens)], tokens) for i in range(len(x) - len(tokens) + 1))


def encoder_step(parts: Parts, event: Event, heads: int | None) -> LayerRun:
    x, y = event.inputs[0], event.output
    layers = layer_readings(parts, event.path, heads)
    facts, tensors = layers[settled_reading(layers, event.path, x, y)]
    kept = {"norm_type": "layer_norm", "gated_feed_forward": False, **facts}
    if kept.get("num_key_value_heads") == kept["num_attention_heads"]:
        del kept["num_key_value_heads"]
    return LayerRun(event.path, "encoder", x, None, y, y, kept, tensors, {})


def decoder_step(event: Event, layer: nn.TransformerDecoderLayer) -> LayerRun:
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
        f"{name}.{key}": tensor
        for name in ("self_attn", "multihead_attn")
        for key, tensor in torch_tensors(subject, getattr(layer, name)).items()
    }
    for name in ("linear1", "linear2"):
        tensors |= linear_tensors(f"{subject}'s {name}", getattr(layer, name), name)
    for name in ("norm1", "norm2", "norm3"):
        tensors |= norm_tensors(f"{subject}'s {name}", getattr(layer, name), config, name)
    x, memory = event.inputs[:2]
    return LayerRun(event.path, "decoder", x, memory, event.output, event.output, config, tensors, {})
