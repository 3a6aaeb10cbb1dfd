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

from fusion_layers import ACTIVATIONS, PositionalEncoding
from fusion_module import Extractor, Pooler, extractor_name
from llama_layers import LlamaStack
from reference import Reference, Row, Run, attention_shares, pool
from stream_case import Stack, Stream, StreamCase
from stream_layers import CrossAttentionLayer, CrossFirstLayer, run_layer

#: Of each stream its mask of padding [P, S], or None.
Padding = dict[str, Tensor | None]


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


class CrossAttentionStack(nn.Module):
    """Several layers that begin with cross-attention, and a norm."""

    def __init__(self, case: StreamCase, stack: Stack) -> None:
        super().__init__()
        layer_class = CrossFirstLayer if stack.kind == "cross_first" else CrossAttentionLayer
        self.layers = nn.ModuleList(layer_class(case, stack) for _ in range(stack.layers))
        self.norm = nn.LayerNorm(case.size(stack.stream), case.layer_norm_eps) if stack.final_norm else None


class StreamModule(Reference):
    """A Linear per modality, streams of tokens, stacks of layers on them; the fused tokens are those of some streams."""

    def __init__(self, case: StreamCase) -> None:
        super().__init__(case, leading=0)
        self.model = case
        #: How many streams' bottleneck tokens are averaged; None for all.
        self.averaged: int | None = None
        #: Whether streams that attend to each other read what the other one was before the layer.
        self.simultaneous = True
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
            for part in stack.parts():
                self.add_module(part.prefix, build(case, part))
        if case.row_positions:
            sizes = {case.size(stream.name) for stream in case.streams}
            self.sinusoids = {size: PositionalEncoding(size, case.max_positions) for size in sizes}
        if case.pooling == "pooler":
            self.pooler = Pooler(case.hidden_size)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> StreamRun:
        tokens: dict[str, Tensor] = {}
        padding: Padding = {}
        self.features, self.keep = features, keep
        for stream in self.model.streams:
            if not stream.parts():
                tokens[stream.name] = self.embed(stream, features)
            padding[stream.name] = None if keep is None else ~self.kept(stream.name, keep)
        layers: list[Layer] = []
        for stack in self.model.stacks:
            for part in stack.parts():
                for name in (part.stream, part.memory):
                    if name:
                        self.make(name, tokens)
            layers += self.run_stack(stack, tokens, padding)
        outputs = tuple(self.make(name, tokens) for name in self.model.output)
        fused = torch.cat(outputs, dim=1)
        pooled = self.pooler(fused) if self.model.pooling == "pooler" else None
        weights = [weight for layer in layers for weight, _ in layer.attention]
        return StreamRun([layer.output for layer in layers], fused, weights, pooled, tuple(layers), outputs)

    def make(self, name: str, tokens: dict[str, Tensor]) -> Tensor:
        """The tokens [P, S, D] of a stream; one that is made of others is made when it is first asked for."""
        if name not in tokens:
            stream = self.model.stream(name)
            parts = [self.make(part, tokens) for part in stream.parts()]
            tokens[name] = self.pool(stream, parts[0]) if stream.pool else torch.cat(parts, dim=1 if stream.join else 2)
        return tokens[name]

    def pool(self, stream: Stream, x: Tensor) -> Tensor:
        """Pools the kept tokens of x [P, S, D] to [P, 1, D]."""
        whole = torch.ones(x.shape[:2], dtype=torch.bool)
        kept = whole if self.keep is None else self.kept(stream.pool, self.keep)
        rows = [pool(stream.pooling, row[mask]) for row, mask in zip(x, kept, strict=True)]
        return torch.stack(cast(list[Tensor], rows))[:, None]

    def embed(self, stream: Stream, features: list[Tensor]) -> Tensor:
        """Embeds the features of a stream's modalities, each [P, M, feature size], to [P, S, D]."""
        learned = [self.get_parameter(f"{stream.name}_tokens")] if stream.learned else []
        parts = [tokens.expand(len(features[0]), -1, -1) for tokens in learned]
        by_name = {modality.name: x for modality, x in zip(self.model.modalities, features, strict=True)}
        projected = {modality.name: modality.projected for modality in self.model.modalities}
        for name in stream.modalities:
            x = by_name[name]
            x = self.get_submodule(extractor_name(name))(x) if projected[name] else x
            if self.model.row_positions == "sinusoidal":
                x = x + self.sinusoids[x.shape[-1]](torch.arange(x.shape[1]))
            parts.append(x)
        x = torch.cat(parts, dim=1)
        if stream.modalities and self.model.row_positions == "sinusoidal_concatenated":
            x = x + self.sinusoids[x.shape[-1]](self.positions(stream.name))
        return x

    def positions(self, name: str) -> Tensor:
        """Counts the tokens [P, S] of a stream in each row; in a padded batch as if the row stood alone."""
        rows = len(self.features[0])
        first = torch.zeros(rows, 1, dtype=torch.long)
        counted = []
        by_name = {m.name: (m, x) for m, x in zip(self.model.modalities, self.features, strict=True)}
        for group in self.model.groups(name):
            if group in by_name:
                modality, x = by_name[group]
                width = x.shape[1]
                count = torch.full((rows, 1), width) if self.keep is None else torch.tensor(modality.lengths)[:, None]
            else:
                width = self.model.stream(group).learned
                count = torch.full((rows, 1), width)
            counted.append(first + torch.arange(width))
            first = first + count
        return torch.cat(counted, dim=1)

    def kept(self, name: str, keep: list[Tensor]) -> Tensor:
        """Concatenates masks [P, M] of the modalities to that of a stream, or of several (`a+b`), [P, S]."""
        if "+" in name:
            return torch.cat([self.kept(part, keep) for part in name.split("+")], dim=1)
        stream = self.model.stream(name)
        if self.model.is_one_vector(name):
            return torch.ones(len(keep[0]), 1, dtype=torch.bool)
        if stream.parts():
            return torch.cat([self.kept(part, keep) for part in stream.join or stream.concat[:1]], dim=1)
        parts = [torch.ones(len(keep[0]), stream.learned, dtype=torch.bool)]
        by_name = {modality.name: mask for modality, mask in zip(self.model.modalities, keep, strict=True)}
        return torch.cat(parts + [by_name[modality] for modality in stream.modalities], dim=1)

    def run_stack(self, stack: Stack, tokens: dict[str, Tensor], padding: Padding) -> list[Layer]:
        """Runs a stack on its streams, whose tokens it replaces."""
        start = dict(tokens)
        if stack.kind == "bottleneck":
            layers = self.run_bottleneck(stack, tokens, padding)
        else:
            layers = [layer for i in range(stack.layers) for layer in self.run_round(stack, i, tokens, padding)]
        for part in stack.parts():
            module = self.get_submodule(part.prefix)
            if module.norm is not None:
                tokens[part.stream] = cast(nn.LayerNorm, module.norm)(tokens[part.stream])
        if stack.kind == "decoder" and not stack.llama:
            masks = {"tgt_key_padding_mask": padding[stack.stream], "memory_key_padding_mask": padding[stack.memory]}
            whole = self.get_submodule(stack.prefix)(start[stack.stream], tokens[stack.memory], **masks)
            assert torch.equal(tokens[stack.stream], whole)
        return layers

    def run_round(self, stack: Stack, i: int, tokens: dict[str, Tensor], padding: Padding) -> list[Layer]:
        """Runs layer `i` of every part of a stack, all on what the streams were before it."""
        before = dict(tokens) if self.simultaneous else tokens
        layers = []
        for part in stack.parts():
            own, memory = part.stream, part.memory or part.stream
            x, attentions = run_layer(
                self.layer(part, i), before[own], before[memory], padding[own], padding[memory], self.positions(own)
            )
            tokens[own] = x
            layers.append(Layer(x, own, [(weights, memory if cross else own) for weights, cross in attentions]))
        return layers

    def run_bottleneck(self, stack: Stack, tokens: dict[str, Tensor], padding: Padding) -> list[Layer]:
        """Encodes each stream by itself; from the fusion layer on together with the bottleneck, which is averaged then."""
        layers = []
        for part in stack.parts():
            for i in range(stack.fusion_layer):
                layers += self.run_round(part, i, tokens, padding)
        for i in range(stack.fusion_layer, stack.layers):
            made = []
            for part in stack.parts():
                name = f"{part.stream}+{stack.bottleneck}"
                count = tokens[part.stream].shape[1]
                x = torch.cat([tokens[part.stream], tokens[stack.bottleneck]], dim=1)
                masks = [padding[part.stream], padding[stack.bottleneck]]
                mask = None if masks[0] is None else torch.cat(cast(list[Tensor], masks), dim=1)
                x, [(weights, _)] = run_layer(self.layer(part, i), x, x, mask, mask, self.positions(name))
                layers.append(Layer(x, name, [(weights, name)]))
                tokens[part.stream] = x[:, :count]
                made.append(x[:, count:])
            tokens[stack.bottleneck] = torch.stack(made[: self.averaged]).mean(dim=0)
        return layers

    def layer(self, stack: Stack, i: int) -> nn.Module:
        return cast(nn.ModuleList, self.get_submodule(stack.prefix).layers)[i]

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
    if stack.llama:
        return LlamaStack(case, stack)
    if stack.kind in ("cross_attention", "cross_first"):
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


def config(case: StreamCase) -> dict[str, Any]:
    positions = {
        "rotary_embeddings": case.rotary,
        "rope_theta": case.rope_theta if case.rope_theta != 10000.0 else None,
        "position_embeddings": case.row_positions,
        "max_position_embeddings": case.max_positions,
    }
    return {
        "model_type": "fusion_encoder",
        "modalities": [{"name": m.name, "feature_size": m.feature_size} for m in case.modalities],
        "hidden_size": case.hidden_size,
        "num_attention_heads": case.heads,
        "hidden_act": case.hidden_act,
        "layer_norm_eps": case.layer_norm_eps,
        **{key: value for key, value in positions.items() if value},
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
    keys |= {key: list(parts) for key, parts in (("join", stream.join), ("concat", stream.concat)) if parts}
    if stream.pool:
        keys |= {"pool": stream.pool, "pooling": stream.pooling}
    return keys


def stack_config(stack: Stack) -> dict[str, Any]:
    parts = stack.parts()
    keys = {
        "kind": stack.kind,
        "stream": stack.stream,
        "streams": list(stack.streams),
        "memory": stack.memory,
        "bottleneck": stack.bottleneck,
        "prefix": "" if stack.streams else stack.prefix,
        "prefixes": {part.stream: part.prefix for part in parts} if stack.streams else {},
        "num_hidden_layers": stack.layers,
        "fusion_layer": stack.fusion_layer,
        "layer_kind": stack.layer_kind,
        "num_attention_heads": stack.heads,
        "num_key_value_heads": stack.key_value_heads,
        "norm_first": stack.norm_first,
    }
    return {key: value for key, value in keys.items() if value}
