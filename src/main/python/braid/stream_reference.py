"""The forward pass of a written model directory of several streams, from its config and tensors alone.

It does what `braid.reference` does for one stream. Start at `StreamReference.run`. Dimension letters: Q query tokens, S
tokens of the memory, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from braid.golden import POOLINGS, Row, RowOutput
from braid.reference import Reference, joined

#: Llama's names of a layer's norms in order, by the kind of the layer.
LLAMA_NORMS = {
    "encoder": ("input_layernorm", "post_attention_layernorm"),
    "cross_attention": ("input_layernorm", "post_attention_layernorm"),
    "decoder": ("input_layernorm", "cross_attn_layernorm", "post_attention_layernorm"),
    "cross_first": ("cross_attn_layernorm", "input_layernorm", "post_attention_layernorm"),
}


class StackReference(Reference):
    """The layers of one stack."""

    def run_layer(self, prefix: str, x: Tensor, memory: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Runs a layer on the tokens [Q, D] of its stream: its output, and the weights of each of its attentions."""
        if self.config["kind"] == "encoder":
            x, weights = self.layer(prefix, x)
            return x, [weights]
        all_weights: list[Tensor] = []

        def to_itself(inner: Tensor) -> Tensor:
            attended, weights = self.attention(prefix, inner)
            all_weights.append(weights)
            return attended

        def to_memory(inner: Tensor) -> Tensor:
            assert memory is not None
            attended, weights = self.cross_attention(prefix, inner, memory)
            all_weights.append(weights)
            return attended

        kind = self.config["kind"]
        kinds = {"decoder": [to_itself, to_memory], "cross_first": [to_memory, to_itself], "cross_attention": [to_memory]}
        sublayers = kinds[kind]
        norms = [f"norm{i + 1}" for i in range(3)]
        if f"{prefix}.cross_attn.q_proj.weight" in self.tensors:
            norms = list(LLAMA_NORMS[kind])
        if any(f"{prefix}.{first}.weight" in self.tensors for first in ("linear1", "mlp.gate_proj")):
            sublayers.append(lambda inner: self.feed_forward(prefix, inner))
        for norm, sublayer in zip(norms, sublayers):
            x = self.residual(f"{prefix}.{norm}", x, sublayer)
        return x, all_weights

    def residual(self, norm: str, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        if self.config["norm_first"]:
            return x + sublayer(self.norm(norm, x))
        return self.norm(norm, x + sublayer(x))

    def cross_attention(self, prefix: str, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Attention of queries [Q, D] to a memory [S, its size], normalised if it has a norm; and the softmax."""
        if f"{prefix}.memory_norm.weight" in self.tensors:
            memory = self.norm(f"{prefix}.memory_norm", memory)
        own = f"{prefix}.cross_attn"
        if f"{own}.q_proj.weight" in self.tensors:
            query, key, value = (self.linear(f"{own}.{part}_proj", of) for part, of in zip("qkv", (x, memory, memory)))
            attended, softmax = self.attend(query, key, value, rotates=False)
            return self.linear(f"{own}.o_proj", attended), softmax
        own = f"{prefix}.multihead_attn"
        if f"{own}.in_proj_weight" in self.tensors:
            weights = self.tensors[f"{own}.in_proj_weight"].chunk(3)
        else:
            weights = tuple(self.tensors[f"{own}.{part}_proj_weight"] for part in "qkv")
        bias = self.tensors.get(f"{own}.in_proj_bias")
        biases = (None, None, None) if bias is None else bias.chunk(3)
        query, key, value = (F.linear(of, weight, b) for of, weight, b in zip((x, memory, memory), weights, biases))
        attended, softmax = self.attend(query, key, value, rotates=False)
        return self.linear(f"{own}.out_proj", attended), softmax


@dataclass(frozen=True)
class AlternatingStacks:
    """Stacks of one or more streams whose layers alternate: layer 0 of each, then layer 1 of each, and so on.

    `bottleneck` is a stream whose tokens are appended to those of each stream. They become the mean of what the layers
    made of them.
    """

    stacks: list[StackReference]
    layers: int
    bottleneck: str | None = None


class StreamReference(Reference):
    """A model with `streams`, `stacks` and `output`."""

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        # Norms of modalities are of the same kind as those of the first stack.
        norms = {key: config["stacks"][0][key] for key in ("norm_type", "layer_norm_eps") if key in config["stacks"][0]}
        super().__init__({**config, **norms}, tensors)
        self.streams: dict[str, Mapping[str, Any]] = {stream["name"]: stream for stream in config["streams"]}
        self.runs = [run for stack in config["stacks"] for run in self.runs_of(stack)]

    def runs_of(self, stack: Mapping[str, Any]) -> Iterator[AlternatingStacks]:
        """The stacks of one entry of `stacks`; those whose layers alternate come together."""
        last = stack["num_hidden_layers"]
        if stack["kind"] == "co_attention":
            one, other = stack["streams"]
            keys = {"kind": stack.get("layer_kind", "decoder")}
            yield AlternatingStacks([self.stack(stack, one, other, **keys), self.stack(stack, other, one, **keys)], last)
        elif stack["kind"] == "bottleneck":
            encoders = [self.stack(stack, stream, stream, kind="encoder") for stream in stack["streams"]]
            yield AlternatingStacks(encoders, last, stack["bottleneck"])
        else:
            memory = stack.get("memory", stack["stream"])
            yield AlternatingStacks([self.stack(stack, stack["stream"], memory, prefix=stack["prefix"])], last)

    def stack(self, stack: Mapping[str, Any], stream: str, memory: str, **keys: str) -> StackReference:
        prefix = {} if "prefix" in keys else {"prefix": stack["prefixes"][stream]}
        return StackReference({**self.config, **stack, "stream": stream, "memory": memory, **prefix, **keys}, self.tensors)

    def run(self, row: Row) -> RowOutput:
        """Embeds the streams of one row, runs the stacks in their order, and pools the output streams."""
        tokens = {name: self.embed_stream(stream, row) for name, stream in self.streams.items() if not is_made(stream)}
        layers: list[Tensor] = []
        shares: list[Tensor] = []
        for run in self.runs:
            for stack in run.stacks:
                self.filled(stack.config["stream"], tokens)
                self.filled(stack.config["memory"], tokens)
            for i in range(run.layers):
                before = dict(tokens)
                shared: list[Tensor] = []
                for stack in run.stacks:
                    stream, memory = stack.config["stream"], stack.config["memory"]
                    prefix = joined(stack.config["prefix"], f"layers.{i}")
                    added = [] if run.bottleneck is None else [run.bottleneck]
                    x = torch.cat([before[name] for name in (stream, *added)])
                    x, weights = stack.run_layer(prefix, x, before[memory])
                    layers.append(x)
                    tokens[stream] = x[: len(before[stream])]
                    shared.append(x[len(before[stream]) :])
                    orders = {"decoder": [[stream], [memory]], "cross_first": [[memory], [stream]]}
                    keys = orders.get(stack.config["kind"], [[memory, *added]])
                    shares += [self.shares(of, key, row) for of, key in zip(weights, keys)]
                if run.bottleneck is not None:
                    tokens[run.bottleneck] = torch.stack(shared).mean(0)
            for stack in run.stacks:
                norm = joined(stack.config["prefix"], "norm")
                if f"{norm}.weight" in self.tensors:
                    tokens[stack.config["stream"]] = stack.norm(norm, tokens[stack.config["stream"]])
        fused = torch.cat([self.filled(name, tokens) for name in self.config["output"]])
        return RowOutput(layers, fused, self.pool(fused), torch.stack(shares))

    def filled(self, stream: str, tokens: dict[str, Tensor]) -> Tensor:
        """The tokens of a stream. A stream made of others takes their tokens when it is read for the first time."""
        if stream not in tokens:
            described = self.streams[stream]
            if "pool" in described:
                tokens[stream] = POOLINGS[described["pooling"]](self.filled(described["pool"], tokens))[None]
            else:
                parts = [self.filled(part, tokens) for part in described.get("join", described.get("concat"))]
                tokens[stream] = torch.cat(parts, 0 if "join" in described else 1)
        return tokens[stream]

    def is_one_vector(self, stream: str) -> bool:
        """Whether a stream has one pooled vector per row."""
        described = self.streams[stream]
        return "pool" in described or ("concat" in described and self.is_one_vector(described["concat"][0]))

    def has_one_token(self) -> bool:
        """Whether every row has only one fused token: a pooled vector, or a learned token."""
        tokens = [1 if self.is_one_vector(name) else self.streams[name].get("learned_tokens", 2) for name in self.config["output"]]
        return tokens == [1] and not self.streams[self.config["output"][0]].get("modalities")

    def embed_stream(self, stream: Mapping[str, Any], row: Row) -> Tensor:
        """The learned tokens of a stream, then those of its modalities."""
        parts = []
        if "tensor" in stream:
            parts.append(self.tensors[stream["tensor"]].reshape(stream["learned_tokens"], -1))
        names = [modality["name"] for modality in self.config["modalities"]]
        parts += [self.modality(names.index(name), row) for name in stream.get("modalities", [])]
        return torch.cat(parts)

    def groups(self, stream: str) -> list[str]:
        """The groups of a stream's tokens, in order: learned tokens, under the stream's name, then modalities."""
        described = self.streams[stream]
        parts = described.get("join", described.get("concat", [])[:1])
        if parts:
            return [group for part in parts for group in self.groups(part)]
        return [stream] * ("tensor" in described) + list(described.get("modalities", []))

    def shares(self, weights: Tensor, keys: list[str], row: Row) -> Tensor:
        """The share of attention [groups of the model] that each group of the keys' streams received."""
        all_groups = [group for name, of in self.streams.items() if not is_made(of) for group in self.groups(name)]
        received = torch.zeros(len(all_groups))
        groups = [group for stream in keys for group in self.groups(stream)]
        sizes = [len(row[group]) if group in row else self.streams[group]["learned_tokens"] for group in groups]
        for group, part in zip(groups, torch.split(weights.mean((0, 1)), sizes)):
            received[all_groups.index(group)] = part.sum()
        return received


def is_made(stream: Mapping[str, Any]) -> bool:
    """Whether a stream is made of other streams."""
    return any(key in stream for key in ("join", "concat", "pool"))
