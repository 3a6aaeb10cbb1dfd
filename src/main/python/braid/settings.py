"""Finds what the parts of an encoder layer do not show, from what the layer computes. Start at `settled`."""

from __future__ import annotations

from typing import NoReturn

from torch import Tensor

from braid.encoder import Encoder, Layer, layer_readings, read_encoder
from braid.errors import ExportError
from braid.golden import TOLERANCE, error
from braid.reference import Reference
from braid.trace import Trace
from braid.wrappers import Parts

#: The next step if a layer is of an unknown kind.
BY_HAND = "Braid may run it with a config.json that you write: see src/docs/models.md"

#: A reading is as good as the best one if its error is at most this many times that of the best.
_ALIKE = 4.0

#: Errors below this are float32's rounding.
_ROUNDING = 1e-6


def settled(parts: Parts, encoder: Encoder, traces: list[Trace], heads: int | None) -> Encoder:
    """The encoder as the one reading, of all that its layers could be, that computes the module's numbers."""
    path = encoder.layers[0]
    longest = max(traces, key=lambda trace: len(trace.entering))
    reading = settled_reading(layer_readings(parts, path, heads), path, longest.entering, longest.layers[0])
    return read_encoder(parts, encoder.path, encoder.layers, encoder.final_norm, heads, reading) if reading else encoder


def settled_reading(layers: list[Layer], path: str, x: Tensor, y: Tensor) -> int:
    """The index of the reading that turns tokens `x` into the layer's output `y`."""
    if len(layers) == 1:
        return 0
    errors = [error_of(layer, x, y) for layer in layers]
    best = min(errors)
    if not best <= TOLERANCE:
        refuse(path, layers, x, y, best)
    explaining = [i for i, of in enumerate(errors) if of <= max(_ALIKE * best, _ROUNDING)]
    if len(explaining) > 1:
        facts = [layers[i][0] for i in explaining]
        keys = dict.fromkeys(key for of in facts for key in of)
        open_keys = [key for key in keys if len({str(of.get(key)) for of in facts}) > 1]
        ways = "; ".join(", ".join(f"{key} {of.get(key, 'none')}" for key in open_keys) for of in facts[:4])
        expected = "a sample that tells how the layer computes, in one way"
        raise ExportError(f"'{path}'", expected, f"{len(explaining)} ways ({ways})", "pass rows of several tokens")
    return explaining[0]


def error_of(layer: Layer, x: Tensor, y: Tensor, causal: bool = False) -> float:
    """The error of a reading: its output for tokens `x` compared with the layer's output `y`."""
    facts, tensors = layer
    reference = Reference(facts, {f"layer.{name}": tensor for name, tensor in tensors.items()})
    reference.causal = causal
    return error(reference.layer("layer", x)[0], y)


def refuse(path: str, layers: list[Layer], x: Tensor, y: Tensor, best: float) -> NoReturn:
    """Raises the error that no reading computes the layer's numbers; says so if a causal mask is the reason."""
    if any(error_of(layer, x, y, causal=True) <= TOLERANCE for layer in layers):
        expected = "every token to attend to every other one"
        hint = "Braid runs encoders alone: pass a call= that masks nothing, if the model was trained so"
        raise ExportError(f"'{path}'", expected, "a causal mask", hint)
    kinds = "pre-norm and post-norm layers, activations, plain and gated feed-forwards, and rotations"
    expected = f"an output within {TOLERANCE:.0e} of one of {len(layers)} combinations of {kinds}"
    raise ExportError(f"'{path}'", expected, f"{best:.1e} apart from the nearest one", BY_HAND)
