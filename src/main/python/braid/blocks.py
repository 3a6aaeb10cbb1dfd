"""Reads encoder layers that are hand-written or come from Llama-like models. Start at `is_block` and `readings`.

A block has one attention with query, key and value, two norms, and two or three Linears of a feed-forward, under any
names. Its parts do not show everything, such as the order of norms or the activation. So `readings` gives all layers
that the block could be, and `braid.settings` takes the one that computes the module's numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from braid.errors import ExportError, quoted
from braid.norms import may_be_norm, read_norm
from braid.reference import ACTIVATIONS
from braid.wrappers import parts_of

#: What a config says about a layer, and the layer's tensors under Llama's names.
Reading = tuple[dict[str, Any], dict[str, Tensor]]

#: Names of an attention's Linears; the only other Linear is the output projection.
QUERY = ("q_proj", "query_proj", "query", "wq", "to_q", "q_lin", "q")
KEY = ("k_proj", "key_proj", "key", "wk", "to_k", "k_lin", "k")
VALUE = ("v_proj", "value_proj", "value", "wv", "to_v", "v_lin", "v")
ALL_THREE = ("qkv_proj", "qkv", "in_proj", "Wqkv", "wqkv", "to_qkv")

#: Attributes that hold the number of heads.
HEADS = ("num_heads", "num_attention_heads", "n_heads", "heads", "nhead", "n_head", "num_q_heads")
_HEAD_SIZES = ("head_dim", "head_size", "dim_head")

#: How queries and keys may be rotated.
PAIRS = ("half", "interleaved")


def is_block(part: nn.Module) -> bool:
    """Whether a module is built like an encoder layer and is not one of torch's own."""
    return not isinstance(part, nn.TransformerEncoderLayer) and attention_of(part) is not None


def attention_of(block: nn.Module) -> nn.Module | None:
    """The only attention among the children of a module that has the parts of an encoder layer; otherwise None."""
    parts = parts_of(block)
    found = [path for path, part in parts.items() if path and "." not in path and is_attention(part)]
    if len(found) != 1:
        return None
    outside = [part for path, part in parts.items() if path != found[0] and not path.startswith(found[0] + ".")]
    linears = sum(isinstance(part, nn.Linear) for part in outside)
    norms = sum(may_be_norm(part) for part in outside)
    return parts[found[0]] if norms == 2 and linears in (2, 3) else None


def is_attention(part: Any) -> bool:
    if isinstance(part, nn.MultiheadAttention):
        return part.in_proj_weight is not None
    names = [child for child, of in part.named_children() if isinstance(of, nn.Linear)]
    return one_of(ALL_THREE, names) is not None or all(one_of(of, names) for of in (QUERY, KEY, VALUE))


def one_of(known: tuple[str, ...], names: list[str]) -> str | None:
    return next((name for name in known if name in names), None)


def readings(subject: str, block: nn.Module, heads: int | None, thetas: list[float]) -> Iterator[Reading]:
    """All encoder layers that a block could be, in the same order for all blocks of one class.

    `thetas` are the bases of rotary embeddings to try.
    """
    attention: Any = attention_of(block)
    outside = {path: part for path, part in parts_of(block).items() if part not in set(attention.modules())}
    facts, tensors = attention_tensors(subject, attention, heads)
    norms = [read_norm(f"{subject}'s '{path}'", part) for path, part in outside.items() if may_be_norm(part)]
    if (norms[0].type, norms[0].eps) != (norms[1].type, norms[1].eps):
        kinds = [f"{norm.type} of eps {norm.eps}" for norm in norms]
        raise ExportError(subject, f"two norms of one kind, {kinds[0]}", kinds[1])
    facts |= {"norm_type": norms[0].type, "layer_norm_eps": norms[0].eps}
    rotations: list[dict[str, Any]] = [{}]
    if not isinstance(attention, nn.MultiheadAttention) and facts["hidden_size"] // facts["num_attention_heads"] % 2 == 0:
        pairs = itertools.product(PAIRS, thetas)
        rotations += [{"rotary_embeddings": pair, "rope_theta": theta} for pair, theta in pairs]
    hidden = facts["hidden_size"]
    linears = [part for part in outside.values() if isinstance(part, nn.Linear)]
    for feed_forward, norm_first, order, activation, rotation in itertools.product(
        feed_forwards(subject, linears, hidden), (True, False), (norms, norms[::-1]), ACTIVATIONS, rotations
    ):
        of_feed_forward = {f"mlp.{name}": tensor for name, tensor in feed_forward.items()}
        of_norms = {}
        for name, norm in zip(("input_layernorm", "post_attention_layernorm"), order):
            of_norms[f"{name}.weight"] = norm.weight
            if norm.bias is not None:
                of_norms[f"{name}.bias"] = norm.bias
        gated = "up_proj.weight" in feed_forward
        yield (
            {
                **facts,
                "intermediate_size": len(feed_forward["gate_proj.weight"]),
                "hidden_act": activation,
                "gated_feed_forward": gated,
                "norm_first": norm_first,
                **rotation,
            },
            {**tensors, **of_feed_forward, **of_norms},
        )


def attention_tensors(subject: str, attention: Any, heads: int | None) -> Reading:
    """Sizes, heads and tensors of an attention."""
    tensors: dict[str, Tensor] = {}
    linears = {name: part for name, part in attention.named_modules() if isinstance(part, nn.Linear)}
    torch_attention = isinstance(attention, nn.MultiheadAttention)
    fused = None if torch_attention else one_of(ALL_THREE, list(linears))
    if torch_attention or fused is not None:
        weight = attention.in_proj_weight if torch_attention else linears[str(fused)].weight
        bias = attention.in_proj_bias if torch_attention else linears[str(fused)].bias
        hidden = weight.shape[1]
        rest = (len(weight) - hidden) // 2
        for i, name in enumerate(("q_proj", "k_proj", "v_proj")):
            rows = slice(0, hidden) if i == 0 else slice(hidden + (i - 1) * rest, hidden + i * rest)
            tensors[f"self_attn.{name}.weight"] = weight.detach()[rows]
            if bias is not None:
                tensors[f"self_attn.{name}.bias"] = bias.detach()[rows]
        used = [fused]
    else:
        used = [one_of(known, list(linears)) for known in (QUERY, KEY, VALUE)]
        for own, name in zip(used, ("q_proj", "k_proj", "v_proj")):
            add_linear(tensors, f"self_attn.{name}", linears[str(own)])
    outputs = [part for name, part in linears.items() if name not in used]
    if len(outputs) > 1:
        expected = "an attention of query, key, value and output Linears"
        raise ExportError(f"{subject}'s attention", expected, f"{quoted(linears)}")
    for output in outputs:
        add_linear(tensors, "self_attn.o_proj", output)
    size, hidden = tensors["self_attn.q_proj.weight"].shape
    if size != hidden:
        raise ExportError(f"{subject}'s attention", f"queries of hidden size {hidden}", f"of {size}")
    if heads is None:
        heads = heads_of(subject, attention, hidden)
    keys = len(tensors["self_attn.k_proj.weight"])
    if hidden % heads or keys % (hidden // heads) or keys != len(tensors["self_attn.v_proj.weight"]):
        expected = f"{heads} heads that divide the hidden size {hidden}, and keys and values for some of them"
        values = len(tensors["self_attn.v_proj.weight"])
        raise ExportError(f"{subject}'s attention", expected, f"keys of {keys} and values of {values} numbers")
    facts = {
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": keys * heads // hidden,
        "attention_output_projection": bool(outputs),
    }
    return facts, tensors


def heads_of(subject: str, attention: Any, hidden: int) -> int:
    """The number of heads: from the attention itself, from its config, or from the size of its heads."""
    for holder in (attention, getattr(attention, "config", None)):
        for name in HEADS:
            if isinstance(getattr(holder, name, None), int):
                return int(getattr(holder, name))
        for name in _HEAD_SIZES:
            if isinstance(getattr(holder, name, None), int):
                return hidden // int(getattr(holder, name))
    expected = f"the number of heads in an attribute ({quoted(HEADS)}) of its attention"
    raise ExportError(subject, expected, "none", "pass heads=")


def feed_forwards(subject: str, linears: list[nn.Linear], hidden: int) -> Iterator[Mapping[str, Tensor]]:
    """All feed-forwards that two or three Linears could be: plain, gated, or gated with one Linear for both factors."""
    found = False
    for order in itertools.permutations(linears):
        *first, down = order
        size = down.in_features
        if down.out_features != hidden or any(linear.in_features != hidden for linear in first):
            continue
        sizes = [linear.out_features for linear in first]
        if sizes in ([size], [size, size]):
            found = True
            tensors: dict[str, Tensor] = {}
            for name, linear in zip(("gate_proj", "up_proj"), first):
                add_linear(tensors, name, linear)
            add_linear(tensors, "down_proj", down)
            yield tensors
        elif sizes == [2 * size]:
            found = True
            for gate, up in (("gate_proj", "up_proj"), ("up_proj", "gate_proj")):
                tensors = {}
                for name, half in ((gate, slice(0, size)), (up, slice(size, None))):
                    tensors[f"{name}.weight"] = first[0].weight.detach()[half]
                    if first[0].bias is not None:
                        tensors[f"{name}.bias"] = first[0].bias.detach()[half]
                add_linear(tensors, "down_proj", down)
                yield tensors
    if not found:
        shapes = ", ".join(f"{linear.in_features} to {linear.out_features}" for linear in linears)
        expected = f"a feed-forward of Linears from {hidden} numbers to some and back, plain or gated"
        raise ExportError(subject, expected, shapes)


def add_linear(tensors: dict[str, Tensor], name: str, linear: nn.Linear) -> None:
    tensors[f"{name}.weight"] = linear.weight.detach()
    if linear.bias is not None:
        tensors[f"{name}.bias"] = linear.bias.detach()
