"""Finds attentions, torch's own and hand-written ones, in the calls of their parts. Start at `attentions`.

Dimension letters: Q query tokens, S tokens of the memory, D hidden size, M size of the memory's tokens.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from braid.blocks import ALL_THREE, KEY, PAIRS, QUERY, VALUE, heads_of, is_attention, one_of
from braid.encoder import thetas_of
from braid.errors import ExportError
from braid.golden import same
from braid.reference import joined, rotated
from braid.settings import BY_HAND
from braid.trace import Event
from braid.wrappers import Parts, within

#: Names of one Linear for keys and values.
_KEY_VALUE = ("to_kv", "kv_proj", "kv", "wkv")


@dataclass(frozen=True, eq=False)
class Attention:
    """One call of an attention: its queries [Q, D], its memory [S, M] (the same tokens in self-attention), its output
    [Q, D].

    `tensors` are named as in torch.nn.MultiheadAttention, or as in Llama if several query heads share keys and values.
    `config` has keys of config.json: the number of key and value heads, if they are shared, and the rotary embeddings.
    `at` is the number of the event that ended the attention.
    """

    path: str
    at: int
    query: Tensor
    memory: Tensor
    output: Tensor
    heads: int
    tensors: dict[str, Tensor]
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def crosses(self) -> bool:
        return not same(self.query, self.memory)


def attentions(parts: Parts, events: list[Event], heads: int | None) -> list[Attention]:
    """The attentions that are not part of a layer recorded as a whole, in the order in which they ended."""
    found = [torch_attention(parts, i, e) for i, e in enumerate(events) if isinstance(parts[e.path], nn.MultiheadAttention)]
    for path, part in parts.items():
        if is_own(part):
            found += own_attentions(parts, events, path, heads)
    return sorted(found, key=lambda attention: attention.at)


def crosses(parts: Parts, events: list[Event], block: str) -> bool:
    """Whether an attention in a block reads other tokens than its queries, as cross-attention does."""
    for event in events:
        if within(event.path, block) and isinstance(parts[event.path], nn.MultiheadAttention):
            if len(event.inputs) > 1 and not same(*event.inputs[:2]):
                return True
    own = [path for path, part in parts.items() if within(path, block) and is_own(part)]
    return any(not same(q.inputs[0], k.inputs[0]) for path in own for q, k, _ in calls(parts, events, path))


def is_own(part: nn.Module) -> bool:
    names = linear_names(part)
    return not isinstance(part, nn.MultiheadAttention) and (
        is_attention(part) or (one_of(QUERY, names) is not None and one_of(_KEY_VALUE, names) is not None)
    )


def linear_names(part: nn.Module) -> list[str]:
    return [name for name, child in part.named_children() if isinstance(child, nn.Linear)]


def torch_attention(parts: Parts, at: int, event: Event) -> Attention:
    subject, attention = f"'{event.path}'", parts[event.path]
    assert isinstance(attention, nn.MultiheadAttention)
    query = event.inputs[0]
    key = event.inputs[1] if len(event.inputs) > 1 else query
    if not same(key, event.inputs[2] if len(event.inputs) > 2 else event.inputs[-1]):
        raise ExportError(subject, "keys and values of one stream", "different tensors", BY_HAND)
    return Attention(
        event.path, at, query, key, event.output, attention.num_heads, torch_tensors(subject, attention)
    )


def torch_tensors(subject: str, attention: nn.MultiheadAttention) -> dict[str, Tensor]:
    """The tensors of an nn.MultiheadAttention, under its own names. Refuses keys that it adds to the row's."""
    if attention.bias_k is not None or attention.add_zero_attn:
        raise ExportError(subject, "attention over the row's own tokens", "add_bias_kv or add_zero_attn")
    return {key: tensor.detach() for key, tensor in attention.named_parameters()}


def calls(parts: Parts, events: list[Event], path: str) -> Iterator[tuple[Event, Event, Event]]:
    """For each call of a hand-written attention, the calls of the Linears that give queries, keys and values."""
    names = linear_names(parts[path])
    three, two = one_of(ALL_THREE, names), one_of(_KEY_VALUE, names)
    used = [three] * 3 if three else [one_of(QUERY, names), two or one_of(KEY, names), two or one_of(VALUE, names)]
    yield from zip(*([e for e in events if e.path == joined(path, str(name))] for name in used))


def own_attentions(parts: Parts, events: list[Event], path: str, heads: int | None) -> Iterator[Attention]:
    """The calls of a hand-written attention. Refuses one if no Linear reads what its heads should give."""
    subject = f"'{path}'"
    linears = [(i, e) for i, e in enumerate(events) if isinstance(parts[e.path], nn.Linear)]
    for of_query, of_key, of_value in calls(parts, events, path):
        query, memory = of_query.inputs[0], of_key.inputs[0]
        size = query.shape[1]
        count = heads_of(subject, parts[path], size) if heads is None else heads
        if not same(memory, of_value.inputs[0]):
            raise ExportError(subject, "keys and values of one stream", "different tensors", BY_HAND)
        split = inputs_of(of_query, of_key, of_value, size)
        sizes = [of.shape[1] for of, _, _ in split]
        if sizes[0] != size or sizes[1] != sizes[2] or size % count or not sizes[1] or sizes[1] % (size // count):
            expected = f"queries of {size} numbers, the hidden size, and keys and values for some of {count} heads"
            raise ExportError(subject, expected, f"{sizes} numbers", BY_HAND)
        rotations: list[dict[str, Any]] = [{}]
        if same(query, memory) and size // count % 2 == 0:
            pairs = itertools.product(PAIRS, thetas_of(parts))
            rotations += [{"rotary_embeddings": pair, "rope_theta": theta} for pair, theta in pairs]
        for rotation in rotations:
            attended = of_heads([of for of, _, _ in split], count, rotation)
            outputs = [(i, e) for i, e in linears if same(e.inputs[0], attended)]
            if outputs:
                break
        else:
            expected = "softmax(Q K^T / sqrt(head size)) V of all tokens, and a Linear that reads it"
            hint = f"masks, other scales, norms of queries and rotations across streams cannot be described; {BY_HAND}"
            raise ExportError(subject, expected, "other numbers", hint)
        at, output = outputs[0]
        grouped = sizes[1] < size
        tensors = grouped_tensors(parts, split) if grouped else input_tensors(parts, split)
        last: Any = parts[output.path]
        tensors |= {f"{'o_proj' if grouped else 'out_proj'}.{name}": x.detach() for name, x in last.named_parameters()}
        config = {**rotation, **({"num_key_value_heads": sizes[1] * count // size} if grouped else {})}
        yield Attention(path, at, query, memory, output.output, count, tensors, config)


#: What a Linear gives, the Linear's path, and the rows of its weight that give it.
Projected = tuple[Tensor, str, slice]


def inputs_of(of_query: Event, of_key: Event, of_value: Event, hidden: int) -> list[Projected]:
    """Queries, keys and values, from one to three Linears. If one gives all, the queries have the hidden size."""
    events = [of_query, of_key, of_value]
    found = []
    for number, event in enumerate(events):
        sharing = [i for i, other in enumerate(events) if other is event]
        width = event.output.shape[1]
        sizes = [hidden, *[(width - hidden) // 2] * 2] if len(sharing) == 3 else [width // len(sharing)] * len(sharing)
        start, size = sum(sizes[: sharing.index(number)]), sizes[sharing.index(number)]
        found.append((event.output[:, start : start + size], event.path, slice(start, start + size)))
    return found


def of_heads(inputs: list[Tensor], heads: int, rotation: Mapping[str, Any]) -> Tensor:
    """The outputs of all heads side by side, [Q, D]. Neighbouring query heads may share a key and value head."""
    size = inputs[0].shape[1] // heads
    query, key, value = (x.reshape(len(x), -1, size).transpose(0, 1) for x in inputs)
    if rotation:
        query, key = (rotated(x, rotation["rotary_embeddings"], rotation["rope_theta"]) for x in (query, key))
    key, value = (x.repeat_interleave(heads // len(x), 0) for x in (key, value))
    return F.scaled_dot_product_attention(query, key, value).transpose(0, 1).flatten(1)


def grouped_tensors(parts: Parts, split: list[Projected]) -> dict[str, Tensor]:
    """The weights of queries, keys and values, named as in Llama."""
    tensors: dict[str, Tensor] = {}
    for name, (_, path, rows) in zip("qkv", split):
        linear: Any = parts[path]
        tensors |= {f"{name}_proj.{kind}": x.detach()[rows] for kind, x in linear.named_parameters()}
    return tensors


def input_tensors(parts: Parts, split: list[Projected]) -> dict[str, Tensor]:
    """The weights of queries, keys and values, named as in nn.MultiheadAttention. If only some have biases, others are 0."""
    weights, biases = [], []
    for x, path, rows in split:
        linear: Any = parts[path]
        weights.append(linear.weight.detach()[rows])
        biases.append(None if linear.bias is None else linear.bias.detach()[rows])
    if len({weight.shape[1] for weight in weights}) == 1:
        tensors = {"in_proj_weight": torch.cat(weights)}
    else:
        tensors = {f"{name}_proj_weight": weight for name, weight in zip("qkv", weights)}
    if any(bias is not None for bias in biases):
        zeros = (weight.new_zeros(len(weight)) for weight in weights)
        tensors["in_proj_bias"] = torch.cat([zero if bias is None else bias for bias, zero in zip(biases, zeros)])
    return tensors
