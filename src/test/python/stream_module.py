"""Models of several streams in PyTorch: stacks of torch's own layers, each on one stream. Start at `StreamModule`.

Dimension letters: P rows, S tokens of a row in one stream, M tokens of one modality, D hidden size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fusion_layers import ACTIVATIONS
from fusion_module import Extractor, Pooler, extractor_name
from golden_case import Case
from reference import Reference, Row, Run, attention_shares, pool


@dataclass(frozen=True)
class Stream:
    """Tokens of a row: `learned` ones, then those of modalities; or those of other streams. `size` 0 is the case's."""

    name: str
    modalities: tuple[str, ...] = ()
    learned: int = 0
    size: int = 0
    join: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    """Layers on a stream. `intermediate_size` 0 leaves out the feed-forward of cross-attention layers."""

    kind: str
    stream: str
    prefix: str
    memory: str = ""
    layers: int = 1
    heads: int = 0
    intermediate_size: int = 32
    norm_first: bool = False
    final_norm: bool = False
    bias: bool = True


@dataclass(frozen=True)
class StreamCase(Case):
    """A case of `fusion_encoder` with streams."""

    streams: tuple[Stream, ...] = ()
    stacks: tuple[Stack, ...] = ()
    output: tuple[str, ...] = ()

    def stream(self, name: str) -> Stream:
        return next(stream for stream in self.streams if stream.name == name)

    def size(self, name: str) -> int:
        return self.stream(name).size or self.hidden_size

    def groups(self, name: str) -> list[str]:
        """The groups of a stream's tokens, in token order: modalities, and streams for their learned tokens."""
        stream = self.stream(name)
        if stream.join:
            return [group for part in stream.join for group in self.groups(part)]
        return [stream.name] * (stream.learned > 0) + list(stream.modalities)

    def all_groups(self) -> list[str]:
        return [group for stream in self.streams if not stream.join for group in self.groups(stream.name)]


@dataclass(frozen=True)
class Layer:
    """The output of a layer [P, S, D], its stream, and for each of its attentions the weights and the keys' stream."""

    output: Tensor
    stream: str
    attention: list[tuple[Tensor, str]]


@dataclass(frozen=True)
class StreamRun(Run):
    """A forward pass; `by_layer` says which stream each layer and attention is of."""

    by_layer: tuple[Layer, ...] = ()
    outputs: tuple[Tensor, ...] = ()


class CrossAttentionLayer(nn.Module):
    """Attention to another stream, residual and norm; feed-forward, residual and norm where there is one."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        size, memory = case.size(stack.stream), case.size(stack.memory)
        heads = stack.heads or case.heads
        self.multihead_attn = nn.MultiheadAttention(
            size, heads, kdim=memory, vdim=memory, batch_first=True, bias=stack.bias
        )
        self.norm1 = nn.LayerNorm(size, case.layer_norm_eps)
        self.norm_first = stack.norm_first
        self.activation = ACTIVATIONS[case.hidden_act]
        self.has_feed_forward = stack.intermediate_size > 0
        if self.has_feed_forward:
            self.linear1 = nn.Linear(size, stack.intermediate_size)
            self.linear2 = nn.Linear(stack.intermediate_size, size)
            self.norm2 = nn.LayerNorm(size, case.layer_norm_eps)

    def forward(self, x: Tensor, memory: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
        """Maps x [P, S, D] and the memory to [P, S, D], and to attention weights [P, heads, S, keys]."""
        query = self.norm1(x) if self.norm_first else x
        attended, weights = self.multihead_attn(
            query, memory, memory, key_padding_mask=padding, average_attn_weights=False
        )
        x = x + attended if self.norm_first else self.norm1(x + attended)
        if not self.has_feed_forward:
            return x, weights
        inner = self.linear1(self.norm2(x) if self.norm_first else x)
        x = x + self.linear2(self.activation(inner))
        return x if self.norm_first else self.norm2(x), weights


class CrossAttentionStack(nn.Module):
    """Several of them, and a norm."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CrossAttentionLayer(case, stack) for _ in range(stack.layers))
        self.norm = nn.LayerNorm(case.size(stack.stream), case.layer_norm_eps) if stack.final_norm else None


class StreamModule(Reference):
    """A Linear per modality, streams of tokens, stacks of layers on them; the fused tokens are those of some streams."""

    def __init__(self, case: StreamCase) -> None:
        super().__init__(case, leading=0)
        self.model = case
        of_modality = {name: stream for stream in case.streams for name in stream.modalities}
        for modality in case.modalities:
            size = case.size(of_modality[modality.name].name)
            if modality.projected:
                extractor = Extractor(modality.feature_size, size, modality.bias)
                self.add_module(extractor_name(modality.name), extractor)
        for stream in case.streams:
            if stream.learned:
                tokens = nn.Parameter(torch.zeros(1, stream.learned, case.size(stream.name)))
                self.register_parameter(f"{stream.name}_tokens", tokens)
        for stack in case.stacks:
            self.add_module(stack.prefix, build(case, stack))
        if case.pooling == "pooler":
            self.pooler = Pooler(case.hidden_size)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> StreamRun:
        tokens: dict[str, Tensor] = {}
        padding: dict[str, Tensor | None] = {}
        for stream in self.model.streams:
            if not stream.join:
                tokens[stream.name] = self.embed(stream, features)
            padding[stream.name] = None if keep is None else ~self.kept(stream.name, keep)
        layers: list[Layer] = []
        for stack in self.model.stacks:
            for name in (stack.stream, stack.memory):
                if name and name not in tokens:
                    tokens[name] = torch.cat([tokens[part] for part in self.model.stream(name).join], dim=1)
            layers += self.run_stack(stack, tokens, padding)
        outputs = tuple(tokens[name] for name in self.model.output)
        fused = torch.cat(outputs, dim=1)
        pooled = self.pooler(fused) if self.model.pooling == "pooler" else None
        weights = [weight for layer in layers for weight, _ in layer.attention]
        return StreamRun([layer.output for layer in layers], fused, weights, pooled, tuple(layers), outputs)

    def embed(self, stream: Stream, features: list[Tensor]) -> Tensor:
        """Embeds the features of a stream's modalities, each [P, M, feature size], to [P, S, D]."""
        learned = [self.get_parameter(f"{stream.name}_tokens")] if stream.learned else []
        parts = [tokens.expand(len(features[0]), -1, -1) for tokens in learned]
        by_name = {modality.name: x for modality, x in zip(self.model.modalities, features, strict=True)}
        projected = {modality.name: modality.projected for modality in self.model.modalities}
        for name in stream.modalities:
            x = by_name[name]
            parts.append(self.get_submodule(extractor_name(name))(x) if projected[name] else x)
        return torch.cat(parts, dim=1)

    def kept(self, name: str, keep: list[Tensor]) -> Tensor:
        """Concatenates masks [P, M] of the modalities to that of a stream [P, S]."""
        stream = self.model.stream(name)
        if stream.join:
            return torch.cat([self.kept(part, keep) for part in stream.join], dim=1)
        parts = [torch.ones(len(keep[0]), stream.learned, dtype=torch.bool)]
        by_name = {modality.name: mask for modality, mask in zip(self.model.modalities, keep, strict=True)}
        return torch.cat(parts + [by_name[modality] for modality in stream.modalities], dim=1)

    def run_stack(self, stack: Stack, tokens: dict[str, Tensor], padding: dict[str, Tensor | None]) -> list[Layer]:
        """Runs a stack on its stream, whose tokens it replaces."""
        own, memory = stack.stream, stack.memory
        start = x = tokens[own]
        module = self.get_submodule(stack.prefix)
        layers = []
        for layer in cast(nn.ModuleList, module.layers):
            match layer:
                case nn.TransformerEncoderLayer():
                    attention = [(self_attention(layer, x, padding[own]), own)]
                    x = layer(x, src_key_padding_mask=padding[own])
                case nn.TransformerDecoderLayer():
                    attention = [(self_attention(layer, x, padding[own]), own)]
                    attention.append((cross_attention(layer, x, tokens[memory], padding[own], padding[memory]), memory))
                    x = layer(
                        x,
                        tokens[memory],
                        tgt_key_padding_mask=padding[own],
                        memory_key_padding_mask=padding[memory],
                    )
                case _:
                    x, weights = layer(x, tokens[memory], padding[memory])
                    attention = [(weights, memory)]
            layers.append(Layer(x, own, attention))
        if module.norm is not None:
            x = cast(nn.LayerNorm, module.norm)(x)
        if isinstance(module, nn.TransformerDecoder):
            assert torch.equal(
                x,
                module(
                    start,
                    tokens[memory],
                    tgt_key_padding_mask=padding[own],
                    memory_key_padding_mask=padding[memory],
                ),
            )
        tokens[own] = x
        return layers

    def fused_of(self, run: Run, row: int, keep: list[Tensor]) -> Tensor:
        assert isinstance(run, StreamRun)
        outputs = zip(self.model.output, run.outputs, strict=True)
        return torch.cat([x[row][self.kept(name, keep)[row]] for name, x in outputs])

    def row_of(self, run: Run, row: int, keep: list[Tensor]) -> Row:
        assert isinstance(run, StreamRun)
        layers = [layer.output[row][self.kept(layer.stream, keep)[row]] for layer in run.by_layer]
        fused = self.fused_of(run, row, keep)
        shares = []
        for layer in run.by_layer:
            queries = self.kept(layer.stream, keep)[row]
            for weights, keys in layer.attention:
                kept = weights[row][:, queries][:, :, self.kept(keys, keep)[row]]
                groups = self.model.groups(keys)
                found = dict(zip(groups, attention_shares(kept, [self.tokens_of(g, row, keep) for g in groups])))
                zero = torch.zeros((), dtype=torch.float64)
                shares.append(torch.stack([found.get(group, zero) for group in self.model.all_groups()]))
        pooled = run.pooled[row] if run.pooled is not None else pool(self.model.pooling, fused)
        return Row(layers, fused, pooled, torch.stack(shares))

    def tokens_of(self, group: str, row: int, keep: list[Tensor]) -> int:
        for modality, mask in zip(self.model.modalities, keep, strict=True):
            if modality.name == group:
                return int(mask[row].sum())
        return self.model.stream(group).learned

    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        (directory / "config.json").write_text(json.dumps(config(self.model), indent=2) + "\n", encoding="utf-8")
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def build(case: StreamCase, stack: Stack) -> nn.Module:
    if stack.kind == "cross_attention":
        return CrossAttentionStack(case, stack)
    size, heads = case.size(stack.stream), stack.heads or case.heads
    layer_class = nn.TransformerEncoderLayer if stack.kind == "encoder" else nn.TransformerDecoderLayer
    layer = layer_class(
        size,
        heads,
        dim_feedforward=stack.intermediate_size,
        activation=ACTIVATIONS[case.hidden_act],
        layer_norm_eps=case.layer_norm_eps,
        batch_first=True,
        norm_first=stack.norm_first,
        bias=stack.bias,
    )
    norm = nn.LayerNorm(size, case.layer_norm_eps) if stack.final_norm else None
    if isinstance(layer, nn.TransformerDecoderLayer):
        return nn.TransformerDecoder(layer, stack.layers, norm=norm)
    return nn.TransformerEncoder(layer, stack.layers, norm=norm, enable_nested_tensor=False)


def self_attention(
    layer: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer, x: Tensor, padding: Tensor | None
) -> Tensor:
    """The weights [P, heads, S, S] of a layer's self-attention on its input x [P, S, D]."""
    x = layer.norm1(x) if layer.norm_first else x
    _, weights = layer.self_attn(x, x, x, key_padding_mask=padding, average_attn_weights=False)
    return cast(Tensor, weights)


def cross_attention(
    layer: nn.TransformerDecoderLayer,
    x: Tensor,
    memory: Tensor,
    padding: Tensor | None,
    memory_padding: Tensor | None,
) -> Tensor:
    """The weights [P, heads, S, keys] of a decoder layer's cross-attention; x [P, S, D] is the layer's input."""
    normed = layer.norm1(x) if layer.norm_first else x
    attended, _ = layer.self_attn(normed, normed, normed, key_padding_mask=padding)
    x = x + attended if layer.norm_first else layer.norm1(x + attended)
    query = layer.norm2(x) if layer.norm_first else x
    _, weights = layer.multihead_attn(
        query, memory, memory, key_padding_mask=memory_padding, average_attn_weights=False
    )
    return cast(Tensor, weights)


def config(case: StreamCase) -> dict[str, Any]:
    return {
        "model_type": "fusion_encoder",
        "modalities": [{"name": m.name, "feature_size": m.feature_size} for m in case.modalities],
        "hidden_size": case.hidden_size,
        "num_attention_heads": case.heads,
        "hidden_act": case.hidden_act,
        "layer_norm_eps": case.layer_norm_eps,
        "streams": [stream_config(stream) for stream in case.streams],
        "stacks": [stack_config(stack) for stack in case.stacks],
        "output": list(case.output),
        "pooling": case.pooling,
    }


def stream_config(stream: Stream) -> dict[str, Any]:
    keys: dict[str, Any] = {"name": stream.name}
    if stream.modalities:
        keys["modalities"] = list(stream.modalities)
    if stream.learned:
        keys |= {"learned_tokens": stream.learned, "tensor": f"{stream.name}_tokens"}
    if stream.size:
        keys["hidden_size"] = stream.size
    if stream.join:
        keys["join"] = list(stream.join)
    return keys


def stack_config(stack: Stack) -> dict[str, Any]:
    keys: dict[str, Any] = {"kind": stack.kind, "stream": stack.stream}
    if stack.memory:
        keys["memory"] = stack.memory
    keys |= {"prefix": stack.prefix, "num_hidden_layers": stack.layers}
    if stack.heads:
        keys["num_attention_heads"] = stack.heads
    if stack.norm_first:
        keys["norm_first"] = True
    return keys
