"""The project's own model kind in PyTorch, with torch's encoder layer or another. Start at `FusionModule`.

Dimension letters: P rows, S tokens of a row, M tokens of one modality, D hidden size.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import EuroBertConfig, EuroBertModel

from fusion_layers import ACTIVATIONS, Layer, LayerStack, PositionalEncoding, build_norm, split_heads
from golden_case import FusionCase, Modality
from reference import Reference, Run

#: EuroBERT's table of words, beside which its tokens enter.
UNUSED = ("transformer_encoder.embed_tokens.weight",)

#: The seed module names its extractors after these words; any other modality uses its own name.
EXTRACTOR_WORDS = {"text": "textual"}


class Extractor(nn.Module):
    """Projects one modality's features [S, feature size] to [S, D]."""

    def __init__(self, feature_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        self.model_net = nn.Linear(feature_size, hidden_size, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.model_net(features))


class SelfAttention(nn.Module):
    """The seed's attention: query, key and value projections, and no output projection."""

    def __init__(self, hidden_size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = 1.0 / math.sqrt(hidden_size // heads)
        self.query_proj = nn.Linear(hidden_size, hidden_size)
        self.key_proj = nn.Linear(hidden_size, hidden_size)
        self.value_proj = nn.Linear(hidden_size, hidden_size)

    def weights(self, x: Tensor, padding: Tensor | None) -> Tensor:
        """Maps x [P, S, D] to attention weights [P, heads, S, S]; `padding` is true at positions to be ignored."""
        query = split_heads(self.query_proj(x), self.heads)
        key = split_heads(self.key_proj(x), self.heads)
        logits = query @ key.transpose(-2, -1) * self.scale
        if padding is not None:
            logits = logits.masked_fill(padding[:, None, None, :], -math.inf)
        return torch.softmax(logits, dim=-1)

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        """Maps x [P, S, D] to [P, S, D]."""
        value = split_heads(self.value_proj(x), self.heads)
        return (self.weights(x, padding) @ value).transpose(1, 2).flatten(2)


class SeedLayer(nn.Module):
    """The seed's from-scratch encoder layer: attention, residual and norm, feed-forward of 4 D, residual and norm."""

    def __init__(self, hidden_size: int, heads: int, layer_norm_eps: float) -> None:
        super().__init__()
        self.self_attention = SelfAttention(hidden_size, heads)
        self.feed_forward_network = nn.Sequential(
            nn.Linear(hidden_size, 4 * hidden_size), nn.ReLU(), nn.Linear(4 * hidden_size, hidden_size)
        )
        self.norm1 = nn.LayerNorm(hidden_size, layer_norm_eps)
        self.norm2 = nn.LayerNorm(hidden_size, layer_norm_eps)

    def forward(self, x: Tensor, src_key_padding_mask: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.self_attention(x, src_key_padding_mask))
        return cast(Tensor, self.norm2(x + self.feed_forward_network(x)))


class SeedEncoder(nn.Module):
    """A stack of the seed's own layers."""

    def __init__(self, layers: list[SeedLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class Pooler(nn.Module):
    """Tanh of a Linear on the first token."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, hidden_size)

    def forward(self, fused: Tensor) -> Tensor:
        return torch.tanh(self.dense(fused[:, 0]))


class FusionModule(Reference):
    """A Linear per modality, its embeddings, concatenation in the config's order, one shared encoder."""

    def __init__(self, case: FusionCase) -> None:
        super().__init__(case, leading=int(case.cls_token))
        self.fusion = case
        hidden_size = case.hidden_size
        for modality in case.modalities:
            if modality.projected:
                extractor = Extractor(modality.feature_size, hidden_size, modality.bias)
                self.add_module(extractor_name(modality.name), extractor)
        with_boxes = [modality.name for modality in case.modalities if modality.box_size]
        self.projection_norm = nn.ModuleDict({name: build_norm(case) for name in with_boxes})
        self.box_norm = nn.ModuleDict({name: build_norm(case) for name in with_boxes})
        self.box_projection = nn.ModuleDict(
            {m.name: nn.Linear(m.box_size, hidden_size) for m in case.modalities if m.box_size}
        )
        self.word_embeddings = nn.ModuleDict(
            {m.name: nn.Embedding(m.vocabulary, m.feature_size) for m in case.modalities if m.vocabulary}
        )
        self.transformer_encoder = build_encoder(case)
        if case.cls_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, hidden_size))
        if case.modality_embeddings:
            self.modality_embeddings = nn.Embedding(len(case.modalities), hidden_size)
        if case.position_embeddings:
            tables = {m.name: nn.Embedding(m.positions, hidden_size) for m in case.modalities}
            self.position_embeddings = nn.ModuleDict(tables)
        if case.embedding_norm:
            self.embedding_layer_norm = build_norm(case)
        if case.row_positions == "concatenated":
            self.row_positions = nn.Embedding(case.max_positions, hidden_size)
        elif case.row_positions:
            self.sinusoids = PositionalEncoding(hidden_size, case.max_positions)
        if case.pooling == "pooler":
            self.pooler = Pooler(hidden_size)

    @property
    def layers(self) -> list[nn.Module]:
        encoder = self.transformer_encoder
        return [encoder] if isinstance(encoder, SeedLayer) else list(cast(nn.ModuleList, encoder.layers))

    def positions(self, features: list[Tensor], keep: list[Tensor] | None) -> Tensor:
        """Counts the tokens [P, S] of each row; in a padded batch as if the row stood alone, masked tokens counted too."""
        rows = len(features[0])
        counted = [torch.zeros(rows, 1, dtype=torch.long)] if self.leading else []
        first = torch.full((rows, 1), self.leading)
        for modality, x in zip(self.case.modalities, features, strict=True):
            counted.append(first + torch.arange(x.shape[1]))
            first = first + (x.shape[1] if keep is None else torch.tensor(modality.lengths)[:, None])
        return torch.cat(counted, dim=1)

    def tokens(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Tensor:
        """Embeds the features, each [P, M, feature size], and concatenates them behind CLS to [P, S, D]."""
        case = self.fusion
        parts = [self.cls_token.expand(len(features[0]), 1, -1)] if case.cls_token else []
        for i, (modality, x) in enumerate(zip(case.modalities, features, strict=True)):
            if modality.vocabulary:
                x = self.word_embeddings[modality.name](x[..., 0].long())
            if modality.box_size:
                x = self.with_boxes(modality.name, *x.split([modality.feature_size, modality.box_size], dim=-1))
            elif modality.projected:
                x = self.get_submodule(extractor_name(modality.name))(x)
            if case.modality_embeddings:
                x = x + self.modality_embeddings.weight[i]
            if case.position_embeddings:
                x = x + self.position_embeddings[modality.name](torch.arange(x.shape[1]))
            if case.row_positions == "sinusoidal":
                x = x + self.sinusoids(torch.arange(x.shape[1]))
            parts.append(x)
        tokens = torch.cat(parts, dim=1)
        if "concatenated" in case.row_positions:
            table = self.row_positions if case.row_positions == "concatenated" else self.sinusoids
            tokens = tokens + table(self.positions(features, keep).clamp_max(case.max_positions - 1))
        return self.embedding_layer_norm(tokens) if case.embedding_norm else tokens

    def with_boxes(self, name: str, features: Tensor, boxes: Tensor) -> Tensor:
        """Projects and normalises features and boxes, each [P, M, size], and adds or averages them."""
        projected = self.projection_norm[name](self.get_submodule(extractor_name(name))(features))
        both = projected + self.box_norm[name](self.box_projection[name](boxes))
        return both / 2 if self.fusion.box_fusion == "mean" else cast(Tensor, both)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        padding = None if keep is None else ~self.with_leading(keep)
        tokens = x = self.tokens(features, keep)
        if self.fusion.eurobert:
            return self.run_eurobert(tokens, padding, self.positions(features, keep))
        outputs, attention = [], []
        for layer in self.layers:
            if isinstance(layer, Layer):
                x, weights = layer(x, padding, self.positions(features, keep))
            else:
                weights = attention_weights(layer, x, padding)
                x = layer(x, src_key_padding_mask=padding)
            attention.append(weights)
            outputs.append(x)
        encoder = self.transformer_encoder
        if isinstance(encoder, nn.TransformerEncoder):
            x = x if encoder.norm is None else encoder.norm(x)
            assert torch.equal(x, encoder(tokens, src_key_padding_mask=padding))
        elif isinstance(encoder, LayerStack) and encoder.norm is not None:
            x = encoder.norm(x)
        return Run(outputs, x, attention, self.pooler(x) if self.fusion.pooling == "pooler" else None)

    def run_eurobert(self, tokens: Tensor, padding: Tensor | None, positions: Tensor) -> Run:
        outputs: list[Tensor] = []
        encoder = cast(EuroBertModel, self.transformer_encoder)
        hooks = [layer.register_forward_hook(lambda _, __, x: outputs.append(x)) for layer in encoder.layers]
        mask = None if padding is None else (~padding).long()
        run = encoder(inputs_embeds=tokens, attention_mask=mask, position_ids=positions, output_attentions=True)
        for hook in hooks:
            hook.remove()
        assert torch.equal(run.last_hidden_state, encoder.norm(outputs[-1]))
        return Run(outputs, run.last_hidden_state, list(run.attentions))

    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        (directory / "config.json").write_text(json.dumps(config(self.fusion), indent=2) + "\n", encoding="utf-8")
        named = {stored_name(self.fusion, name): tensor for name, tensor in weights.items() if name not in UNUSED}
        save_file(named, directory / "model.safetensors", metadata={"format": "pt"})


def extractor_name(modality: str) -> str:
    return f"{EXTRACTOR_WORDS.get(modality, modality)}_extractor"


def attention_weights(layer: nn.Module, x: Tensor, padding: Tensor | None) -> Tensor:
    """Returns the weights [P, heads, S, S] of a layer with the input x [P, S, D], as its attention module gives them."""
    if isinstance(layer, SeedLayer):
        return layer.self_attention.weights(x, padding)
    assert isinstance(layer, nn.TransformerEncoderLayer)
    x = layer.norm1(x) if layer.norm_first else x
    _, weights = layer.self_attn(x, x, x, key_padding_mask=padding, average_attn_weights=False)
    return cast(Tensor, weights)


def build_encoder(case: FusionCase) -> nn.Module:
    if case.own_layer:
        own = [SeedLayer(case.hidden_size, case.heads, case.layer_norm_eps) for _ in range(case.layers)]
        return own[0] if case.single_layer else SeedEncoder(own)
    if case.eurobert:
        return build_eurobert(case)
    if case.gated or case.rotary or case.key_value_heads or case.norm_type != "layer_norm":
        return LayerStack(case)
    layer = nn.TransformerEncoderLayer(
        case.hidden_size,
        case.heads,
        dim_feedforward=case.intermediate_size,
        activation=ACTIVATIONS[case.hidden_act],
        layer_norm_eps=case.layer_norm_eps,
        batch_first=True,
        norm_first=case.norm_first,
        bias=case.layer_bias,
    )
    final = nn.LayerNorm(case.hidden_size, case.layer_norm_eps, bias=case.layer_bias) if case.final_norm else None
    return nn.TransformerEncoder(layer, case.layers, norm=final, enable_nested_tensor=False)


def build_eurobert(case: FusionCase) -> nn.Module:
    config = EuroBertConfig(
        vocab_size=3,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
        mask_token_id=2,
        hidden_size=case.hidden_size,
        num_hidden_layers=case.layers,
        num_attention_heads=case.heads,
        num_key_value_heads=case.key_value_heads or case.heads,
        head_dim=case.hidden_size // case.heads,
        intermediate_size=case.intermediate_size,
        hidden_act=case.hidden_act,
        rms_norm_eps=case.layer_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": case.rope_theta},
        attention_bias=case.layer_bias,
        mlp_bias=case.layer_bias,
    )
    config._attn_implementation = "eager"
    return EuroBertModel(config)


def config(case: FusionCase) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "model_type": "fusion_encoder",
        "modalities": [modality_config(case, modality) for modality in case.modalities],
        "hidden_size": case.hidden_size,
        "num_hidden_layers": case.layers,
        "num_attention_heads": case.heads,
        "intermediate_size": case.intermediate_size,
        "hidden_act": case.hidden_act,
        "layer_norm_eps": case.layer_norm_eps,
        "pooling": case.pooling,
    }
    flags = {
        "norm_first": case.norm_first,
        "final_layer_norm": case.final_norm,
        "cls_token": case.cls_token,
        "modality_embeddings": case.modality_embeddings,
        "position_embeddings": case.position_embeddings,
        "embedding_layer_norm": case.embedding_norm,
    }
    keys |= {key: True for key, value in flags.items() if value}
    values = {
        "norm_type": case.norm_type if case.norm_type != "layer_norm" else None,
        "gated_feed_forward": case.gated or None,
        "num_key_value_heads": case.key_value_heads or None,
        "rotary_embeddings": case.rotary or None,
        "rope_theta": case.rope_theta if case.rope_theta != 10000.0 else None,
        "position_embeddings": case.row_positions or None,
        "max_position_embeddings": case.max_positions if case.row_positions != "concatenated" else None,
    }
    keys |= {key: value for key, value in values.items() if value}
    if case.own_layer:
        keys["attention_output_projection"] = False
    if case.tensor_prefixes:
        keys["tensor_prefixes"] = dict(case.tensor_prefixes)
    return {key: value for key, value in keys.items() if key not in case.config_omits}


def modality_config(case: FusionCase, modality: Modality) -> dict[str, Any]:
    keys: dict[str, Any] = {"name": modality.name, "feature_size": modality.feature_size}
    if modality.vocabulary:
        keys["vocab_size"] = modality.vocabulary
    if modality.box_size:
        keys |= {"box_size": modality.box_size, "box_fusion": case.box_fusion}
    return keys


def stored_name(case: FusionCase, name: str) -> str:
    for old, new in (("row_positions.", "position_embeddings."), *case.renames):
        name = name.replace(old, new)
    return name
