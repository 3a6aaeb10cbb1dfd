"""Joins attentions and feed-forwards that ran one after another into layers. Start at `layers`.

Dimension letters: Q query tokens, D hidden size.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from braid.attentions import Attention
from braid.encoder import linear_tensors, norm_tensors
from braid.errors import ExportError
from braid.golden import same
from braid.norms import may_be_norm, read_norm
from braid.reference import ACTIVATIONS
from braid.settings import BY_HAND
from braid.stream_reference import LLAMA_NORMS
from braid.trace import Event
from braid.wrappers import Parts

#: Llama's names of the other parts of a layer.
_LLAMA = {"multihead_attn": "cross_attn", "linear1": "mlp.gate_proj", "linear3": "mlp.up_proj", "linear2": "mlp.down_proj"}

#: The kind of a layer. The key says for each attention whether it reads another stream, then if there is a
#: feed-forward.
_KINDS = {
    ((False,), True): "encoder",
    ((True,), True): "cross_attention",
    ((True,), False): "cross_attention",
    ((False, True), True): "decoder",
    ((True, False), True): "cross_first",
}


@dataclass(frozen=True, eq=False)
class Sublayer:
    """An attention or a feed-forward, with its residual and norm: the tokens [Q, D] before and after it.

    `norm` and `memory_norm` are numbers of events. `memory` is what an attention reads, before `memory_norm` if the
    layer has such a norm. `unnormed` is set if a norm made the memory, but may belong to the memory's stream instead:
    the norm's input and path.
    """

    path: str
    entering: Tensor
    leaving: Tensor
    norm_first: bool
    norm: int
    tensors: dict[str, Tensor]
    config: dict[str, Any]
    attention: Attention | None = None
    memory: Tensor | None = None
    memory_norm: int | None = None
    unnormed: tuple[Tensor, str] | None = None

    @property
    def crosses(self) -> bool:
        return self.attention is not None and self.attention.crosses


@dataclass(frozen=True, eq=False)
class Layer:
    """Sublayers that form a layer of a known kind."""

    kind: str
    sublayers: list[Sublayer]
    config: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def at(self) -> int:
        """The event that orders the layer among others: its attention to a memory, otherwise its first attention."""
        read = [of.attention.at for of in self.sublayers if of.crosses and of.attention is not None]
        first = self.sublayers[0].attention
        assert first is not None
        return read[0] if read else first.at

    @property
    def memory(self) -> Tensor | None:
        return next((of.memory for of in self.sublayers if of.crosses), None)

    @property
    def unnormed(self) -> tuple[Tensor, str] | None:
        return next((of.unnormed for of in self.sublayers if of.crosses), None)


def layers(parts: Parts, events: list[Event], calls: list[Attention]) -> tuple[list[Layer], set[int]]:
    """The layers, and the numbers of the events of their norms."""
    used: set[int] = set()
    sublayers = [of_attention(parts, events, call, used) for call in calls]
    before = {of.norm for of in sublayers if of.norm_first}
    sublayers = [with_memory(parts, events, of, before) for of in sublayers]
    used |= {of.memory_norm for of in sublayers if of.memory_norm is not None}
    found = []
    while sublayers:
        chain = [sublayers.pop(0)]
        fed = feed_forward(parts, events, chain[-1], used)
        while fed is None and len(chain) == 1:
            following = next((of for of in sublayers if same(of.entering, chain[-1].leaving)), None)
            if following is None or (chain[0].crosses and following.crosses):
                break
            sublayers.remove(following)
            chain.append(following)
            fed = feed_forward(parts, events, following, used)
        found.append(layer(parts, events, [*chain, fed] if fed else chain))
    return found, used


def of_attention(parts: Parts, events: list[Event], call: Attention, used: set[int]) -> Sublayer:
    """An attention with its norm, which reads its residual sum or gives its queries."""
    x = call.query
    norms = {i: e for i, e in enumerate(events) if may_be_norm(parts[e.path]) and i not in used}
    after = {i: e for i, e in norms.items() if i > call.at and same(e.inputs[0], x + call.output)}
    before = {i: e for i, e in norms.items() if i < call.at and same(e.output, x)}
    alone = [e.path for i, e in norms.items() if i > call.at and same(e.inputs[0], call.output)]
    if alone and not after:
        expected = "a residual around it, x + attention(x, memory)"
        raise ExportError(f"'{call.path}'", expected, f"'{alone[0]}', which reads what it gives alone", BY_HAND)
    if not after and not before:
        expected = "a norm before or after it, norm(x + attention(x, memory)) or x + attention(norm(x), memory)"
        raise ExportError(f"'{call.path}'", expected, "none", BY_HAND)
    i, norm = min(after.items()) if after else max(before.items())
    used.add(i)
    entering, leaving = (x, norm.output) if after else (norm.inputs[0], norm.inputs[0] + call.output)
    name = "multihead_attn" if call.crosses else "self_attn"
    tensors = {f"{name}.{key}": tensor for key, tensor in call.tensors.items()}
    config = {"hidden_size": x.shape[1], "num_attention_heads": call.heads, "num_key_value_heads": call.heads, **call.config}
    return Sublayer(call.path, entering, leaving, not after, i, tensors, config, call, call.memory)


def with_memory(parts: Parts, events: list[Event], of: Sublayer, before: set[int]) -> Sublayer:
    """Adds to a cross-attention the norm that gives its memory, if the norm belongs to the layer and not to the
    memory's stream: if it is in `before`, the norms that give queries, or if something else reads its input.
    """
    call = of.attention
    if call is None or not call.crosses:
        return of
    for i, norm in reversed(list(enumerate(events[: call.at]))):
        if may_be_norm(parts[norm.path]) and same(norm.output, call.memory):
            raw = norm.inputs[0]
            others = (e for e in events if any(same(x, raw) for x in e.inputs) and not same(e.output, norm.output))
            if i in before or any(others):
                return replace(of, memory=raw, memory_norm=i)
            return replace(of, unnormed=(raw, norm.path))
    return of


def feed_forward(parts: Parts, events: list[Event], before: Sublayer, used: set[int]) -> Sublayer | None:
    """The feed-forward, with its norm, that reads the output of the sublayer `before`; None if there is none."""
    x = before.leaving
    norms = [(i, e) for i, e in enumerate(events) if may_be_norm(parts[e.path]) and i not in used]
    linears = [e for e in events if isinstance(parts[e.path], nn.Linear)]
    reading = [(i, e.output) for i, e in norms if same(e.inputs[0], x)] if before.norm_first else [(-1, x)]
    for of_input, inner in reading:
        for path, name, between, tensors in activated(parts, [e for e in linears if same(e.inputs[0], inner)]):
            for second in (e for e in linears if same(e.inputs[0], between)):
                behind = [(i, e.output) for i, e in norms if same(e.inputs[0], x + second.output)]
                if not before.norm_first and not behind:
                    continue
                i, leaving = (of_input, x + second.output) if before.norm_first else behind[0]
                used.add(i)
                tensors |= linear_tensors(f"'{second.path}'", parts[second.path], "linear2")
                gated = "linear3.weight" in tensors
                config = {"hidden_act": name, "intermediate_size": between.shape[1], "gated_feed_forward": gated}
                return Sublayer(path, x, leaving, before.norm_first, i, tensors, config)
    return None


def activated(parts: Parts, linears: list[Event]) -> Iterator[tuple[str, str, Tensor, dict[str, Tensor]]]:
    """The possible inputs of a feed-forward's last Linear: plain, gated by another Linear, or gated by half of one
    Linear's output.

    Yields the path, the activation's name, the numbers, and the tensors of the Linears before it.
    """
    for first, (name, activation) in itertools.product(linears, ACTIVATIONS.items()):
        tensors = linear_tensors(f"'{first.path}'", parts[first.path], "linear1")
        yield first.path, name, activation(first.output), dict(tensors)
        for up in linears:
            if up is not first and up.output.shape == first.output.shape:
                both = {**tensors, **linear_tensors(f"'{up.path}'", parts[up.path], "linear3")}
                yield first.path, name, activation(first.output) * up.output, both
        for one, other in (("linear1", "linear3"), ("linear3", "linear1")) if first.output.shape[1] % 2 == 0 else ():
            halves = dict(zip((one, other), first.output.chunk(2, -1)))
            of_halves = {
                f"{half}.{key.rpartition('.')[2]}": part
                for key, x in tensors.items()
                for half, part in zip((one, other), x.chunk(2))
            }
            yield first.path, name, activation(halves["linear1"]) * halves["linear3"], of_halves


def layer(parts: Parts, events: list[Event], sublayers: list[Sublayer]) -> Layer:
    """Makes a layer of consecutive sublayers."""
    first = sublayers[0]
    calls = [of.attention for of in sublayers if of.attention is not None]
    fed = sublayers[-1].attention is None
    kind = _KINDS.get((tuple(call.crosses for call in calls), fed))
    if kind is None:
        got = "self-attention alone" if len(calls) == 1 else "two attentions without a feed-forward"
        expected = "layers of self-attention or attention to another stream, or both, and a feed-forward"
        raise ExportError(f"'{first.path}'", expected, got, BY_HAND)
    norm = read_norm(f"'{events[first.norm].path}'", parts[events[first.norm].path])
    config = {
        "norm_type": norm.type,
        "norm_first": first.norm_first,
        "layer_norm_eps": norm.eps,
        "attention_output_projection": True,
    }
    tensors: dict[str, Tensor] = {}
    for number, of in enumerate(sublayers):
        for key, value in {**of.config, "norm_first": of.norm_first}.items():
            if config.setdefault(key, value) != value:
                raise ExportError(f"'{of.path}'", f"{key} {config[key]} as before in the layer", str(value), BY_HAND)
        path = events[of.norm].path
        tensors |= of.tensors | norm_tensors(f"'{path}'", parts[path], config, f"norm{number + 1}")
        if of.memory_norm is not None:
            path = events[of.memory_norm].path
            tensors |= norm_tensors(f"'{path}'", parts[path], config, "memory_norm")
    if config["num_key_value_heads"] != config["num_attention_heads"]:
        return Layer(kind, sublayers, config, as_llama(kind, tensors))
    del config["num_key_value_heads"]
    return Layer(kind, sublayers, config, tensors if kind == "cross_attention" else with_all_biases(tensors))


def as_llama(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames a layer's tensors as in Llama, the only form in which heads may share keys and values."""
    names = {**_LLAMA, **{f"norm{i + 1}": name for i, name in enumerate(LLAMA_NORMS[kind])}}
    renamed = {}
    for tensor, x in tensors.items():
        owner, _, rest = tensor.partition(".")
        renamed[f"{names.get(owner, owner)}.{rest}"] = x
    return renamed


def with_all_biases(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adds zero biases to Linears that have none, if others of the layer have one: Braid reads all of them or none."""
    sizes: dict[str, int] = {}
    for name, weight in tensors.items():
        owner, _, kind = name.rpartition(".")
        if kind == "weight" and not owner.startswith("norm"):
            sizes[f"{owner}.bias"] = len(weight)
        elif kind.endswith("proj_weight"):  # a bias of queries, keys and values
            sizes[f"{owner}.in_proj_bias"] = len(weight) if kind == "in_proj_weight" else 3 * len(weight)
    if not any(name in tensors for name in sizes):
        return tensors
    like = next(iter(tensors.values()))
    return {**tensors, **{name: like.new_zeros(size) for name, size in sizes.items() if name not in tensors}}
