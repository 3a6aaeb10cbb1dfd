"""Reads the architecture and tensors of a module's encoder. Start at `read_encoder`.

Three kinds of layer are known: `torch.nn.TransformerEncoderLayer`, a hand-written layer with
`self_attention.{query,key,value}_proj`, `feed_forward_network`, `norm1` and `norm2`, and the blocks of `braid.blocks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor, nn

from braid.blocks import HEADS, is_block, readings
from braid.errors import ExportError, quoted
from braid.norms import read_norm
from braid.reference import ACTIVATIONS, joined
from braid.wrappers import Parts

#: What a config says about a layer, and the layer's tensors under their canonical names.
Layer = tuple[dict[str, Any], dict[str, Tensor]]

#: Spellings of the parts of a hand-written attention, as attributes.
_ATTENTION = ("self_attention", "self_attntion")
_PROJECTIONS = {"query_proj": ("query_proj",), "key_proj": ("key_proj", "ke_proj"), "value_proj": ("value_proj",)}

#: Names of the base of rotations, and the values that are tried where a module tells none.
_THETAS = ("rope_theta", "theta", "base", "rotary_base")
_USUAL_THETAS = (10_000.0, 500_000.0, 1_000_000.0)


@dataclass(frozen=True)
class Encoder:
    """The module's only encoder: its path, and its config and tensors as model directories have them."""

    path: str
    layers: list[str]
    final_norm: str | None
    batch_first: bool
    config: dict[str, Any]
    tensors: dict[str, Tensor]


def read_encoder(
    parts: Parts, path: str, layers: list[str], norm_path: str | None, heads: int | None, reading: int = 0
) -> Encoder:
    """The architecture and the tensors of consecutive layers, named below `path`.

    `reading` is the index of the layer to take among all that a block could be.
    """
    described = [layer_readings(parts, layer, heads)[reading] for layer in layers]
    config, tensors = dict(described[0][0]), {}
    for i, (facts, part_tensors) in enumerate(described):
        if facts != config:
            differing = next(key for key in config if facts[key] != config[key])
            expected = f"{differing} {config[differing]} as in '{layers[0]}'"
            raise ExportError(f"layer '{layers[i]}'", expected, str(facts[differing]))
        for name, tensor in part_tensors.items():
            tensors[joined(path, f"layers.{i}.{name}")] = tensor
    if norm_path is not None:
        tensors.update(norm_tensors(f"'{norm_path}'", parts[norm_path], config, joined(path, "norm")))
    config = {
        "hidden_size": config.pop("hidden_size"),
        "num_hidden_layers": len(layers),
        **config,
        "final_layer_norm": norm_path is not None,
    }
    return Encoder(path, layers, norm_path, batch_first(parts[layers[0]]), config, tensors)


def is_layer(part: nn.Module) -> bool:
    return isinstance(part, nn.TransformerEncoderLayer) or is_own_layer(part) or is_block(part)


def is_own_layer(part: nn.Module) -> bool:
    return any(hasattr(part, name) for name in _ATTENTION) and hasattr(part, "feed_forward_network")


def batch_first(layer: nn.Module) -> bool:
    """Whether a layer reads [rows, tokens, hidden size]."""
    return all(part.batch_first for part in layer.modules() if isinstance(part, nn.MultiheadAttention))


def published_in(parts: Parts) -> str | None:
    """The path of a Hugging Face model inside a module, if that model can be exported by itself; otherwise None."""
    published = ("flava", "visual_bert", "vilt", "lxmert")
    models = (path for path, part in parts.items() if getattr(getattr(part, "config", None), "model_type", None) in published)
    return next((path for path in models if path), None)


def hint_for(parts: Parts) -> str:
    model = published_in(parts)
    if model is not None:
        return f"pass the Hugging Face model itself, module.{model}"
    return (
        "such layers, blocks of one attention, two norms and a feed-forward, and Hugging Face models are understood; others "
        "may run with a config.json that you write: see src/docs/models.md"
    )


def layer_readings(parts: Parts, path: str, heads: int | None) -> list[Layer]:
    """All that a layer could be: architecture, and tensors by canonical name. Only a block can be more than one."""
    subject, layer = f"layer '{path}'", parts[path]
    if isinstance(layer, nn.TransformerEncoderLayer) or is_own_layer(layer):
        return [describe_layer(subject, layer, heads)]
    return list(readings(subject, layer, heads, thetas_of(parts)))


def thetas_of(parts: Parts) -> list[float]:
    """The bases of rotary embeddings that the module's parts name, and the usual ones."""
    told: list[float] = []
    for part in parts.values():
        config = getattr(part, "config", None)
        parameters = getattr(config, "rope_parameters", None) or {}
        values = [getattr(holder, name, None) for holder in (part, config) for name in _THETAS]
        values += [parameters.get("rope_theta")] if isinstance(parameters, dict) else []
        told += [float(value) for value in values if isinstance(value, (int, float)) and value > 1]
    return list(dict.fromkeys([*told, *_USUAL_THETAS]))


def describe_layer(subject: str, layer: nn.Module, heads: int | None) -> Layer:
    """The architecture of one layer and its tensors by canonical name."""
    if isinstance(layer, nn.TransformerEncoderLayer):
        facts, tensors, linears = torch_layer(subject, layer)
    else:
        facts, tensors, linears = own_layer(subject, layer, heads)
    for name, linear in linears.items():
        tensors.update(linear_tensors(f"{subject}'s {name}", linear, name))
    eps = getattr(layer.norm1, "eps", None)
    facts["layer_norm_eps"] = eps
    for name in ("norm1", "norm2"):
        tensors.update(norm_tensors(f"{subject}'s {name}", getattr(layer, name), facts, name))
    return facts, tensors


def torch_layer(
    subject: str, layer: nn.TransformerEncoderLayer
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    attention: Any = layer.self_attn
    if not isinstance(attention, nn.MultiheadAttention) or attention.in_proj_weight is None:
        expected = "self_attn to be an nn.MultiheadAttention with in_proj_weight"
        raise ExportError(subject, expected, type(attention).__name__)
    if attention.bias_k is not None or attention.add_zero_attn:
        raise ExportError(subject, "attention over the row's own tokens", "add_bias_kv or add_zero_attn")
    tensors = {"self_attn.in_proj_weight": attention.in_proj_weight.detach()}
    if attention.in_proj_bias is not None:
        tensors["self_attn.in_proj_bias"] = attention.in_proj_bias.detach()
    facts = {
        "hidden_size": attention.embed_dim,
        "num_attention_heads": attention.num_heads,
        "intermediate_size": layer.linear1.out_features,
        "hidden_act": activation_name(subject, layer.activation),
        "norm_first": layer.norm_first,
        "attention_output_projection": True,
    }
    linears = {"self_attn.out_proj": attention.out_proj, "linear1": layer.linear1, "linear2": layer.linear2}
    return facts, tensors, linears


def own_layer(
    subject: str, layer: nn.Module, heads: int | None
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    attention: Any = next(getattr(layer, name) for name in _ATTENTION if hasattr(layer, name))
    linears: dict[str, Any] = {}
    for canonical, spellings in _PROJECTIONS.items():
        found = [getattr(attention, name) for name in spellings if hasattr(attention, name)]
        if not found:
            raise ExportError(subject, f"a Linear '{canonical}' in its attention", "none")
        linears[f"self_attention.{canonical}"] = found[0]
    output = getattr(attention, "out_proj", None)
    if output is not None:
        linears["self_attention.out_proj"] = output
    network: Any = layer.feed_forward_network
    steps = [step for step in network.children() if not isinstance(step, (nn.Dropout, nn.Identity))]
    if len(steps) != 3 or not isinstance(steps[0], nn.Linear) or not isinstance(steps[2], nn.Linear):
        expected = "feed_forward_network to be Linear, activation, Linear"
        raise ExportError(subject, expected, ", ".join(type(step).__name__ for step in steps))
    linears.update({"feed_forward_network.0": steps[0], "feed_forward_network.2": steps[2]})
    if heads is None:
        holders = (attention, layer)
        named = [getattr(holder, name) for holder in holders for name in HEADS if hasattr(holder, name)]
        if not named or not isinstance(named[0], int):
            raise ExportError(subject, f"the number of heads in an attribute ({quoted(HEADS)})", "none", "pass heads=")
        heads = named[0]
    facts = {
        "hidden_size": steps[0].in_features,
        "num_attention_heads": heads,
        "intermediate_size": steps[0].out_features,
        "hidden_act": activation_name(subject, steps[1]),
        "norm_first": bool(getattr(layer, "norm_first", False)),
        "attention_output_projection": output is not None,
    }
    return facts, {}, linears


def activation_name(subject: str, activation: Callable[[Tensor], Tensor]) -> str:
    """The name of an activation, recognised by the numbers that it computes."""
    x = torch.linspace(-6.0, 6.0, 1201)
    try:
        y = activation(x)
    except Exception as failure:
        raise ExportError(subject, f"an activation of numbers ({quoted(ACTIVATIONS)})", repr(failure)) from failure
    for name, known in ACTIVATIONS.items():
        if torch.allclose(y, known(x), rtol=0.0, atol=1e-6):
            return name
    got = getattr(activation, "__name__", type(activation).__name__)
    raise ExportError(subject, f"an activation that computes {quoted(ACTIVATIONS)}", f"'{got}'")


def linear_tensors(subject: str, linear: Any, name: str) -> dict[str, Tensor]:
    if not isinstance(linear, nn.Linear):
        raise ExportError(subject, "an nn.Linear", type(linear).__name__)
    tensors = {f"{name}.weight": linear.weight.detach()}
    if linear.bias is not None:
        tensors[f"{name}.bias"] = linear.bias.detach()
    return tensors


def norm_tensors(subject: str, part: Any, config: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    """The tensors of a norm, which must be of the same kind as the layers' norms."""
    norm = read_norm(subject, part)
    kind, eps = config.get("norm_type", "layer_norm"), config["layer_norm_eps"]
    if norm.type != kind:
        raise ExportError(subject, f"a {kind} as in the layers", norm.type)
    if norm.eps != eps:
        raise ExportError(subject, f"eps {eps} as in the first layer norm", str(norm.eps))
    tensors = {f"{name}.weight": norm.weight}
    if norm.bias is not None:
        tensors[f"{name}.bias"] = norm.bias
    return tensors
