"""Removes what training wraps around modules: torch.compile, (Distributed)DataParallel, AveragedModel, checkpointing.

A wrapper holds one module and adds no numbers of its own. Start at `parts_of` and `unwrapped`.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from braid.errors import ExportError

#: The attribute that holds the module, by the name of a wrapper's class. Names, because some classes are slow to
#: import.
_WRAPPED = {
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "AveragedModel": "module",
    "CheckpointWrapper": "_checkpoint_wrapped_module",
}

#: Classes of modules whose weights are spread over processes, of both versions of FSDP.
_SHARDED = ("FullyShardedDataParallel", "FSDPModule")

#: The modules of a tree by their paths, as if it had no wrapper. A module with several paths is listed under each.
Parts = dict[str, nn.Module]


def parts_of(module: nn.Module) -> Parts:
    """The parts of a module by path; the module itself has the path ''."""
    found: Parts = {}

    def add(path: str, part: nn.Module) -> None:
        part = wrapped_by(part)
        found[path] = part
        for name, child in part._modules.items():  # named_children leaves out repeated children
            if child is not None:
                add(f"{path}.{name}" if path else name, child)

    add("", module)
    return found


def wrapped_by(part: nn.Module) -> nn.Module:
    """The module inside all wrappers of `part`, or itself."""
    while type(part).__name__ in _WRAPPED:
        part = getattr(part, _WRAPPED[type(part).__name__])
    return part


def refuse_sharded(module: nn.Module) -> None:
    for path, part in module.named_modules():
        if any(cls.__name__ in _SHARDED for cls in type(part).__mro__):
            subject, got = f"'{type(module).__name__}'", f"'{path}' under FSDP"
            hint = "load its full state dict into a module without FSDP, and export that"
            raise ExportError(subject, "weights that are whole in one process", got, hint)


def unwrapped(module: nn.Module) -> nn.Module:
    """A copy of a module in which every wrapper is replaced by a copy of what it holds."""
    memo: dict[int, Any] = {}
    for part in reversed(list(module.modules())):  # wrappers inside others first
        if wrapped_by(part) is not part:
            memo[id(part)] = copy.deepcopy(wrapped_by(part), memo)
    return copy.deepcopy(module, memo)


def within(path: str, below: str) -> bool:
    """Whether `path` is `below` itself, or the path of one of its parts."""
    return not below or path == below or path.startswith(below + ".")


def path_of(parts: Parts, part: nn.Module, argument: str) -> str:
    """The path of a part that the caller names as `argument`; the first one if there are several."""
    for path, candidate in parts.items():
        if candidate is wrapped_by(part):
            return path
    subject, got = f"'{type(parts['']).__name__}'", f"another {type(part).__name__}"
    raise ExportError(subject, f"a part of the module ({argument}=)", got)
