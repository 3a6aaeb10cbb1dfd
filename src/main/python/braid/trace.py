"""Runs a module on one row and records what goes through its encoder. Start at `trace`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

import torch
from torch import Tensor, nn

from braid.encoder import Encoder
from braid.errors import ExportError, quoted
from braid.golden import Row, argument_name
from braid.norms import may_be_norm
from braid.wrappers import within

#: How a module is run on one row; returns what the module returns.
Call = Callable[[nn.Module, Row], Any]


@dataclass(frozen=True, eq=False)
class Event:
    """One call of a part: its inputs and first output, [tokens, size] each; the input of an nn.Embedding is [tokens]."""

    path: str
    inputs: list[Tensor]
    output: Tensor


def event_of(path: str, part: nn.Module, args: Any, kwargs: Any, output: Any) -> Event | None:
    """The call of a part on the tokens of one row; None if its inputs are something else."""
    outputs = list(tensors_in(output))
    inputs = list(tensors_in((args, kwargs)))
    if isinstance(part, nn.Embedding):
        return Event(path, [inputs[0].reshape(-1).clone()], outputs[0].reshape(-1, outputs[0].shape[-1]).clone())
    inputs = [x for x in inputs if x.is_floating_point() and x.dim() in (2, 3)]
    if not inputs or any(x.dim() == 3 and 1 not in x.shape[:2] for x in (*inputs, outputs[0])):
        return None
    flat = [x.reshape(-1, x.shape[-1]).clone() for x in (*inputs, outputs[0])]
    return Event(path, flat[:-1], flat[-1])


@dataclass(frozen=True)
class Trace:
    """One run: the tokens into the first layer, out of each and out of the encoder, [tokens, hidden size] each."""

    entering: Tensor
    layers: list[Tensor]
    fused: Tensor
    #: The calls of Linears, norms and embeddings outside of the layers.
    events: list[Event]
    #: The paths of the LayerNorms after the encoder that read some of its fused tokens unchanged.
    norms: list[str]
    #: Every tensor that the module returned.
    returned: list[Tensor]


def callers(call: Call | None, batch_first: bool) -> list[Call]:
    """The ways to run a row: `call`, or `forward` with a batch axis first (or second, if layers need that)."""
    if call is not None:
        return [call]
    return [partial(default_call, batch_axis=axis) for axis in ((0,) if batch_first else (1, 0))]


def trace_rows(module: nn.Module, encoder: Encoder, rows: list[Row], call: Call | None) -> list[Trace]:
    """The traces of all rows, in the first way to run that works for all. What `call` raises is not caught."""
    if call is not None:
        return [trace(module, encoder, row, call) for row in rows]
    failures: list[Exception] = []
    for run in callers(call, encoder.batch_first):
        try:
            return [trace(module, encoder, row, run) for row in rows]
        except Exception as failure:  # the caller must see whatever the module raises
            failures.append(failure)
    if isinstance(failures[-1], ExportError):
        raise failures[-1]
    shapes = ", ".join(f"'{name}' {[1, *x.shape]}" for name, x in rows[0].items())
    raise ExportError(
        f"'{type(module).__name__}'",
        f"forward to take a row of the sample, {shapes}",
        f"{type(failures[-1]).__name__}: {failures[-1]}",
        "pass call=lambda module, row: ..., which runs the module on one row {modality: [tokens, feature size]}",
    ) from failures[-1]


def trace(module: nn.Module, encoder: Encoder, row: Row, call: Call) -> Trace:
    """Runs `call(module, row)` once and records it. Refuses a run in which the layers do not follow one another."""
    ran: list[nn.Module] = []
    tokens: list[Tensor] = []  # into the first layer, out of each, out of the final norm
    events: list[Event] = []
    norms: list[str] = []
    handles = []

    def step(path: str, part: nn.Module) -> None:
        def record(_: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            entering = row_tokens(args[0] if args else next(iter(kwargs.values())), encoder, path)
            if path == encoder.final_norm and tokens and consists_of(entering, tokens[-1]):
                entering, output = tokens[-1], part.forward(tokens[-1])  # it may have read only some of the tokens
            if not tokens:
                tokens.append(entering)
            elif not torch.equal(entering, tokens[-1]):
                raise ExportError(f"'{path}'", "the output of the layer before as its input", "another tensor")
            tokens.append(row_tokens(output[0] if isinstance(output, tuple) else output, encoder, path))
            ran.append(part)

        handles.append(part.register_forward_hook(record, with_kwargs=True))

    def note(path: str, part: nn.Module) -> None:
        def record(_: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            event = event_of(path, part, args, kwargs, output)
            if event is not None:
                events.append(event)

        handles.append(part.register_forward_hook(record, with_kwargs=True))

    def norm(path: str, part: nn.Module) -> None:
        def record(_: nn.Module, args: Any, output: Any) -> None:
            if len(ran) == len(expected) and args and consists_of(args[0], tokens[-1]):
                norms.append(path)

        handles.append(part.register_forward_hook(record))

    steps = encoder.layers if encoder.final_norm is None else [*encoder.layers, encoder.final_norm]
    expected = [module.get_submodule(path) for path in steps]
    for part, path in dict(zip(expected, steps)).items():  # layers may share a module
        step(path, part)
    for path, part in module.named_modules():
        if any(within(path, step_path) for step_path in steps):
            continue
        if isinstance(part, (nn.Linear, nn.Embedding)) or may_be_norm(part):
            note(path, part)
        if may_be_norm(part):
            norm(path, part)
    try:
        returned = list(tensors_in(call(module, row)))
    finally:
        for handle in handles:
            handle.remove()
    if ran != expected:
        wanted = f"{quoted(steps)} to run once each, in this order"
        got = f"runs of {quoted(steps[expected.index(part)] for part in ran)}"
        hint = "pass encoder= where another is meant, and call= where the given module needs other inputs to reach it"
        raise ExportError(f"'{type(module).__name__}'", wanted, got, hint)
    layers = tokens[1 : len(encoder.layers) + 1]
    return Trace(tokens[0], layers, tokens[-1], events, list(dict.fromkeys(norms)), returned)


def row_tokens(x: Tensor, encoder: Encoder, path: str) -> Tensor:
    """The tokens [tokens, hidden size] of one row, copied, from the layout of the encoder."""
    if not bool(torch.isfinite(x).all()):
        raise ExportError(f"'{path}'", "finite numbers to go through it", "NaN or infinity")
    if x.dim() == 3 and x.shape[0 if encoder.batch_first else 1] == 1:
        return x.detach().reshape(-1, x.shape[-1]).clone()
    if x.dim() == 2:
        return x.detach().clone()
    expected = "[1, tokens, hidden size]" if encoder.batch_first else "[tokens, 1, hidden size] (batch_first is false)"
    raise ExportError(f"'{path}'", f"one row's tokens, {expected}", str(list(x.shape)), "pass call=")


def consists_of(x: Tensor, tokens: Tensor) -> bool:
    """Whether `x` holds only rows of `tokens` [tokens, hidden size], all or some of them."""
    hidden = tokens.shape[-1]
    return x.shape[-1] == hidden and all(bool((tokens == row).all(-1).any()) for row in x.reshape(-1, hidden))


def tensors_in(returned: Any) -> Iterator[Tensor]:
    """Every tensor that a module returned: alone, or in lists, tuples, mappings and dataclasses."""
    if isinstance(returned, Tensor):
        yield returned.detach()
    elif isinstance(returned, dict):
        for value in returned.values():
            yield from tensors_in(value)
    elif isinstance(returned, (list, tuple)):
        for value in returned:
            yield from tensors_in(value)
    elif hasattr(returned, "__dataclass_fields__"):
        yield from tensors_in(vars(returned))


def default_call(module: nn.Module, row: Row, batch_axis: int) -> Any:
    """Runs `module(**row)` if `forward` has the modalities' names, otherwise `module(*row)`; adds a batch axis of 1."""
    features = {argument_name(name): x.unsqueeze(batch_axis) for name, x in row.items()}
    parameters = inspect.signature(module.forward).parameters.values()
    if set(features) <= {parameter.name for parameter in parameters}:
        return module(**features)
    if isinstance(module, (nn.TransformerEncoder, nn.TransformerEncoderLayer)):
        return module(torch.cat(list(features.values()), dim=1 - batch_axis))
    return module(*features.values())


@contextmanager
def plain_run() -> Iterator[None]:
    """Runs a module as it is written: without gradients, autocast, compilation, or torch's fused encoder kernel.

    Autocast stays off even if the module turns it on.
    """
    enabled = torch.backends.mha.get_fastpath_enabled()
    enter: Any = torch.autocast.__enter__

    def enter_disabled(autocast: Any) -> Any:
        wanted, autocast._enabled = autocast._enabled, False
        try:
            return enter(autocast)
        finally:
            autocast._enabled = wanted

    torch.backends.mha.set_fastpath_enabled(False)
    torch.autocast.__enter__ = enter_disabled  # type: ignore[method-assign]
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False), eager():
            yield
    finally:
        torch.autocast.__enter__ = enter  # type: ignore[method-assign]
        torch.backends.mha.set_fastpath_enabled(enabled)


def eager() -> AbstractContextManager[Any]:
    """Runs functions under torch.compile as they are written. torch before 2.6 has no way to do this."""
    set_stance: Any = getattr(torch.compiler, "set_stance", None)
    return nullcontext() if set_stance is None else set_stance("force_eager")
