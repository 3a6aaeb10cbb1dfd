"""The forward pass of a written model directory, from its config and tensors alone.

An export runs it beside the module: where they differ, the description is wrong and nothing is written. It computes one
row, unpadded. Dimension letters: S tokens of the row, D hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from braid.golden import POOLINGS, Row, RowOutput, attention_shares

#: What `hidden_act` names.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}


class Reference:
    """A model as its directory describes it. Start at `run`."""

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self.config = config
        self.tensors = {name: tensor.to("cpu", torch.float32) for name, tensor in tensors.items()}
        self.prefixes: Mapping[str, str] = config.get("tensor_prefixes", {})
        self.heads: int = config["num_attention_heads"]
        self.activation = ACTIVATIONS[config["hidden_act"]]

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
        """The tokens [S, D] that enter the first layer: those of each modality in the config's order, CLS before."""
        parts = [self.tensors["cls_token"].reshape(1, -1)] if self.config["cls_token"] else []
        for i, modality in enumerate(self.config["modalities"]):
            name = modality["name"]
            x = self.linear(self.prefixes[name], row[name]) if name in self.prefixes else row[name]
            if self.config["modality_embeddings"]:
                x = x + self.tensors["modality_embeddings.weight"][i]
            if self.config["position_embeddings"]:
                x = x + self.tensors[f"position_embeddings.{name}.weight"][: len(x)]
            parts.append(x)
        x = torch.cat(parts)
        return self.norm("embedding_layer_norm", x) if self.config["embedding_layer_norm"] else x

    def layer(self, prefix: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """One encoder layer over the tokens [S, D] of a row: its output and attention weights [heads, S, S]."""
        norm1, norm2 = f"{prefix}.norm1", f"{prefix}.norm2"
        if self.config["norm_first"]:
            attended, weights = self.attention(prefix, self.norm(norm1, x))
            x = x + attended
            return x + self.feed_forward(prefix, self.norm(norm2, x)), weights
        attended, weights = self.attention(prefix, x)
        x = self.norm(norm1, x + attended)
        return self.norm(norm2, x + self.feed_forward(prefix, x)), weights

    def attention(self, prefix: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """softmax(Q K^T / sqrt(head size)) V per head, then the output projection where there is one; the softmax."""
        if f"{prefix}.self_attn.in_proj_weight" in self.tensors:
            own = f"{prefix}.self_attn"
            weight, bias = self.tensors[f"{own}.in_proj_weight"], self.tensors.get(f"{own}.in_proj_bias")
            query, key, value = F.linear(x, weight, bias).chunk(3, dim=-1)
        else:
            own = f"{prefix}.self_attention"
            query, key, value = (self.linear(f"{own}.{part}_proj", x) for part in ("query", "key", "value"))
        query, key, value = (part.reshape(len(x), self.heads, -1).transpose(0, 1) for part in (query, key, value))
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        weights = torch.softmax(scores, dim=-1)
        x = (weights @ value).transpose(0, 1).reshape(len(x), -1)
        return self.linear(f"{own}.out_proj", x) if self.config["attention_output_projection"] else x, weights

    def feed_forward(self, prefix: str, x: Tensor) -> Tensor:
        torch_names = f"{prefix}.linear1.weight" in self.tensors
        first, second = ("linear1", "linear2") if torch_names else ("feed_forward_network.0", "feed_forward_network.2")
        return self.linear(f"{prefix}.{second}", self.activation(self.linear(f"{prefix}.{first}", x)))

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
        return F.layer_norm(x, x.shape[-1:], weight, bias, self.config["layer_norm_eps"])


def joined(prefix: str, name: str) -> str:
    """A tensor's name below a prefix, which may be empty."""
    return f"{prefix}.{name}" if prefix else name
