"""The forward pass of a written model directory, from its config and tensors alone.

An export runs it next to the module: if their numbers differ, the description is wrong and nothing is written. It
computes one row at a time, unpadded. Dimension letters: S tokens of the row, D hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from braid.golden import BOXES, POOLINGS, Row, RowOutput, attention_shares

#: The functions that `hidden_act` names.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


def rms_norm(x: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    scaled = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight
    return scaled if bias is None else scaled + bias


#: The norms over the last axis that `norm_type` names.
NORMS: dict[str, Callable[[Tensor, Tensor, Tensor | None, float], Tensor]] = {
    "layer_norm": lambda x, weight, bias, eps: F.layer_norm(x, x.shape[-1:], weight, bias, eps),
    "rms_norm": rms_norm,
}

#: The base of the sinusoids' frequencies.
_SINUSOID_BASE = 10_000.0


class Reference:
    """A model as its directory describes it. Start at `run`."""

    #: Whether a token attends only to itself and tokens before it. No directory says so; this tells whether a module does it.
    causal = False

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self.config = config
        self.tensors = {name: tensor.to("cpu", torch.float32) for name, tensor in tensors.items()}
        self.prefixes: Mapping[str, str] = config.get("tensor_prefixes", {})
        self.heads: int = config["num_attention_heads"]
        self.activation = ACTIVATIONS[config["hidden_act"]]
        self.normalise = NORMS[config.get("norm_type", "layer_norm")]

    def run(self, row: Row) -> RowOutput:
        """Embeds the features of one row, runs the layers over them and pools."""
        x = self.embed(row)
        layers, weights = [], []
        for i in range(self.config["num_hidden_layers"]):
            x, of_layer = self.layer(joined(self.prefixes.get("encoder", ""), f"layers.{i}"), x)
            layers.append(x)
            weights.append(of_layer)
        if self.config["final_layer_norm"]:
            x = self.norm(joined(self.prefixes.get("encoder", ""), "norm"), x)
        sizes = [1] * self.config["cls_token"] + [len(row[modality["name"]]) for modality in self.config["modalities"]]
        return RowOutput(layers, x, self.pool(x), attention_shares(weights, sizes))

    def embed(self, row: Row) -> Tensor:
        """The tokens [S, D] that enter the first layer: CLS, if any, then the modalities in the config's order."""
        parts = [self.tensors["cls_token"].reshape(1, -1)] if self.config["cls_token"] else []
        parts += [self.modality(i, row) for i in range(len(self.config["modalities"]))]
        x = torch.cat(parts)
        positions = self.config["position_embeddings"]
        if positions == "concatenated":
            x = x + self.tensors["position_embeddings.weight"][: len(x)]
        elif positions == "sinusoidal_concatenated":
            x = x + sinusoids(*x.shape)
        return self.norm("embedding_layer_norm", x) if self.config["embedding_layer_norm"] else x

    def modality(self, number: int, row: Row) -> Tensor:
        """The tokens [S, D] of one modality.

        Features, or the word embeddings of ids, are projected and normalised. Boxes are joined to them:
        concatenated before that, or added or averaged after it. Then rows and positions are added, and the sum normalised.
        """
        name = self.config["modalities"][number]["name"]
        x = row[name]
        if f"{name}.word_embeddings" in self.prefixes:
            x = self.tensors[f"{self.prefixes[f'{name}.word_embeddings']}.weight"][x]
        fusion = self.config["modalities"][number].get("box_fusion")
        if fusion == "concatenate":
            x = torch.cat([x, row[name + BOXES]], 1)
        if name in self.prefixes:
            x = self.linear(self.prefixes[name], x)
        x = self.norm_of(f"{name}.projection_norm", x)
        if fusion in ("sum", "mean"):
            box = self.linear(self.prefixes[f"{name}.box_projection"], row[name + BOXES])
            x = x + self.norm_of(f"{name}.box_norm", box)
            x = x / 2 if fusion == "mean" else x
        x = with_tables(self.config, self.tensors, number, x)
        return self.norm_of(f"{name}.embedding_norm", x)

    def norm_of(self, part: str, x: Tensor) -> Tensor:
        """Applies the norm of a modality, if it has one."""
        return self.norm(self.prefixes[part], x) if part in self.prefixes else x

    def layer(self, prefix: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """Runs one encoder layer over the tokens [S, D] of a row: its output and attention weights [heads, S, S]."""
        norm1, norm2 = f"{prefix}.norm1", f"{prefix}.norm2"
        if self.is_llama(prefix):
            norm1, norm2 = f"{prefix}.input_layernorm", f"{prefix}.post_attention_layernorm"
        if self.config["norm_first"]:
            attended, weights = self.attention(prefix, self.norm(norm1, x))
            x = x + attended
            return x + self.feed_forward(prefix, self.norm(norm2, x)), weights
        attended, weights = self.attention(prefix, x)
        x = self.norm(norm1, x + attended)
        return self.norm(norm2, x + self.feed_forward(prefix, x)), weights

    def is_llama(self, prefix: str) -> bool:
        """Whether a layer's tensors are named as in Llama."""
        return f"{prefix}.mlp.gate_proj.weight" in self.tensors

    def attention(self, prefix: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """softmax(Q K^T / sqrt(head size)) V per head, then the output projection if there is one; and the softmax."""
        own, output = f"{prefix}.self_attn", "out_proj"
        if f"{own}.in_proj_weight" in self.tensors:
            weight, bias = self.tensors[f"{own}.in_proj_weight"], self.tensors.get(f"{own}.in_proj_bias")
            query, key, value = F.linear(x, weight, bias).chunk(3, dim=-1)
        elif self.is_llama(prefix):
            query, key, value = (self.linear(f"{own}.{part}_proj", x) for part in "qkv")
            output = "o_proj"
        else:
            own = f"{prefix}.self_attention"
            query, key, value = (self.linear(f"{own}.{part}_proj", x) for part in ("query", "key", "value"))
        x, weights = self.attend(query, key, value)
        return self.linear(f"{own}.{output}", x) if self.config["attention_output_projection"] else x, weights

    def attend(self, query: Tensor, key: Tensor, value: Tensor, rotates: bool = True) -> tuple[Tensor, Tensor]:
        """Attention of queries [Q, D] to keys and values [S, D or less]: the heads' outputs side by side; the softmax."""
        query = query.reshape(len(query), self.heads, -1).transpose(0, 1)
        size = query.shape[-1]
        key, value = (part.reshape(len(part), -1, size).transpose(0, 1) for part in (key, value))
        pairs = self.config.get("rotary_embeddings")
        if pairs is not None and rotates:
            query, key = (rotated(part, pairs, self.config["rope_theta"]) for part in (query, key))
        key, value = (part.repeat_interleave(self.heads // len(part), 0) for part in (key, value))
        scores = query @ key.transpose(1, 2) / math.sqrt(size)
        if self.causal:
            scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -math.inf)
        weights = torch.softmax(scores, dim=-1)
        return (weights @ value).transpose(0, 1).flatten(1), weights

    def feed_forward(self, prefix: str, x: Tensor) -> Tensor:
        first, up, second = "linear1", "linear3", "linear2"
        if self.is_llama(prefix):
            first, up, second = "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"
        elif f"{prefix}.linear1.weight" not in self.tensors:
            first, second = "feed_forward_network.0", "feed_forward_network.2"
        inner = self.activation(self.linear(f"{prefix}.{first}", x))
        if f"{prefix}.{up}.weight" in self.tensors:
            inner = inner * self.linear(f"{prefix}.{up}", x)
        return self.linear(f"{prefix}.{second}", inner)

    def pool(self, fused: Tensor) -> Tensor | None:
        pooling = self.config["pooling"]
        if pooling == "none":
            return None
        if pooling == "pooler":
            return torch.tanh(self.linear("pooler.dense", fused[0]))
        return POOLINGS[pooling](fused)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias"))

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias")
        return self.normalise(x, weight, bias, self.config["layer_norm_eps"])


def with_tables(config: Mapping[str, Any], tensors: Mapping[str, Tensor], number: int, x: Tensor) -> Tensor:
    """Adds the modality's row and the positions to the tokens [S, D] of one modality."""
    if config["modality_embeddings"]:
        x = x + tensors["modality_embeddings.weight"][number]
    name, positions = config["modalities"][number]["name"], config["position_embeddings"]
    if positions is True or (isinstance(positions, list) and name in positions):
        x = x + tensors[f"position_embeddings.{name}.weight"][: len(x)]
    elif positions == "sinusoidal":
        x = x + sinusoids(*x.shape)
    return x


def sinusoids(tokens: int, hidden: int) -> Tensor:
    """Sine and cosine of each frequency side by side, [S, D]: Vaswani et al. 2017 (arXiv 1706.03762), section 3.5."""
    frequencies = torch.exp(torch.arange(0, hidden, 2) * (-math.log(_SINUSOID_BASE) / hidden))
    angles = torch.arange(tokens).unsqueeze(1) * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :hidden]


def rotated(x: Tensor, pairs: str, theta: float) -> Tensor:
    """Heads [heads, S, size], pairs of numbers rotated by their position: Su et al. 2021 (arXiv 2104.09864), equation 34."""
    size = x.shape[-1]
    angles = torch.arange(x.shape[1]).unsqueeze(1) / theta ** (torch.arange(0, size, 2) / size)
    cos, sin = angles.cos(), angles.sin()
    if pairs == "half":
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
    first, second = x[..., ::2], x[..., 1::2]
    return torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1).flatten(2)


def joined(prefix: str, name: str) -> str:
    """A tensor's name below a prefix, which may be empty."""
    return f"{prefix}.{name}" if prefix else name
