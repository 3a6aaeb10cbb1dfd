"""Finds the stack of layers that is a module's encoder, by lists of layers or by a run. Start at `find_stack`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from braid.blocks import is_block
from braid.encoder import batch_first, hint_for, is_layer
from braid.errors import ExportError, quoted
from braid.golden import Row
from braid.norms import may_be_norm
from braid.reference import joined
from braid.trace import Call, callers
from braid.wrappers import Parts, path_of, within


class NoStackError(ExportError):
    """A module has no layer that is recognised as a whole."""


class SeveralStacksError(ExportError):
    """A module has several stacks, and they do not run one after another."""


@dataclass(frozen=True)
class Stack:
    """Consecutive layers, and the path below which their tensors are named."""

    path: str
    layers: list[str]


def find_stack(parts: Parts, running: nn.Module, row: Row, call: Call | None, named: nn.Module | None) -> Stack:
    """The only stack of layers, inside the part `named` if it is given.

    Layers in one list are a stack. If this does not give exactly one stack, as with layers in attributes or in a
    ModuleDict, or with an unused encoder, the module is run: layers are a stack if each reads the output of the one
    before, and no other layer runs.
    """
    below = "" if named is None else path_of(parts, named, "encoder")
    stacks: dict[str, list[str]] = {}
    for path, part in parts.items():
        if is_layer(part) and within(path, below):
            stacks.setdefault(stack_of(path, parts), []).append(path)
    distinct = {tuple(id(parts[layer]) for layer in layers): path for path, layers in reversed(stacks.items())}
    stacks = {path: layers for path, layers in stacks.items() if path in distinct.values()}
    if len(stacks) == 1:
        ((path, layers),) = stacks.items()
        return Stack(path, layers)
    chains = chains_of(running, [layer for layers in stacks.values() for layer in layers], row, call)
    if len(chains) == 1:
        (layers,) = chains
        whole = [path for path, of_stack in stacks.items() if of_stack == layers]
        return Stack(whole[0] if whole else common_path(layers), layers)
    expected = "one stack of nn.TransformerEncoderLayer" + (f" in '{below}' (encoder=)" if below else "")
    hint = f"pass encoder=, such as encoder=module.{next(iter(stacks))}" if stacks else hint_for(parts)
    subject = f"'{type(parts['']).__name__}'"
    if stacks:
        raise SeveralStacksError(subject, expected, f"{len(stacks)} ({quoted(stacks)})", hint)
    raise NoStackError(subject, expected, "none", hint)


def stack_of(path: str, parts: Parts) -> str:
    """The path of the list that holds a layer's stack; the path of the layer itself if no list holds it."""
    parent, _, _ = path.rpartition(".")
    if path == "" or not isinstance(parts[parent], (nn.ModuleList, nn.Sequential)):
        return path
    owner, _, name = parent.rpartition(".")
    return owner if name == "layers" else parent


def norm_of(layer: str, parts: Parts) -> str | None:
    """The path of the norm after the last layer of an nn.TransformerEncoder or a Llama-like model; None without one."""
    owner = stack_of(layer, parts)
    norm = getattr(parts[owner], "norm", None)
    ends = isinstance(parts[owner], nn.TransformerEncoder) or (owner != layer and is_block(parts[layer]))
    return joined(owner, "norm") if ends and isinstance(norm, nn.Module) and may_be_norm(norm) else None


def common_path(paths: Iterable[str]) -> str:
    """The path of the innermost module that contains all of these."""
    return ".".join(os.path.commonprefix([path.split(".")[:-1] for path in paths]))


def chains_of(running: nn.Module, layers: list[str], row: Row, call: Call | None) -> list[list[str]]:
    """The layers that run on a row, in chains in which each reads the output before; empty if the module cannot run."""
    for run in callers(call, all(batch_first(running.get_submodule(path)) for path in layers)):
        chains: list[tuple[list[str], Tensor]] = []

        def record(path: str, entering: Tensor, output: Any, into: list[tuple[list[str], Tensor]] = chains) -> None:
            left = output[0] if isinstance(output, tuple) else output
            for i, (chain, last) in enumerate(into):
                if torch.equal(last, entering):
                    into[i] = [*chain, path], left
                    return
            into.append(([path], left))

        hooked = {running.get_submodule(path): path for path in reversed(layers)}  # layers may share a module
        handles = [
            part.register_forward_hook(
                lambda _, args, kwargs, output, path=path: record(
                    path, args[0] if args else next(iter(kwargs.values())), output
                ),
                with_kwargs=True,
            )
            for part, path in hooked.items()
        ]
        try:
            run(running, row)
            return [chain for chain, _ in chains]
        except Exception:  # tracing reports what the module raises; here it says nothing about the layers
            continue
        finally:
            for handle in handles:
                handle.remove()
    return []
