"""Compares what a module returns with its fused tokens, so that nothing that it does after them is lost.

Start at `pooling`. Dimension letter: D hidden size.
"""

from __future__ import annotations

import re

from torch import Tensor

from braid.encoder import Encoder
from braid.errors import ExportError, quoted
from braid.golden import POOLINGS, TOLERANCE, error
from braid.reference import Reference
from braid.trace import Trace

#: The next step if the module makes something else from its fused tokens.
_ALONE = "pass pooling=, and a call= that runs the encoder and returns None, to export the encoder alone"


def pooling(
    subject: str, encoder: Encoder, reference: Reference, traces: list[Trace], named: str | None, pooler: bool
) -> str:
    """How tokens become a vector: as the module does it, which must agree with `named`; as `named` if the module shows
    nothing.

    If it returns only tokens, the default is `pooler` if there is one, otherwise `mean`. Refuses three things: a vector
    that several poolings give, as all do for rows of one token; tokens or a vector that are not the fused ones; and a
    LayerNorm that reads the fused tokens, unless the module also returns them without that norm.
    """
    known = [*POOLINGS, "pooler"] if pooler else list(POOLINGS)
    if named is not None and named not in (*known, "none"):
        hint = "pass pooler=, its Linear" if named == "pooler" else ""
        raise ExportError(subject, f"one of {quoted([*known, 'none'])} (pooling=)", f"'{named}'", hint)
    tokens = [returned_tokens(trace) for trace in traces]
    for i, (of_row, trace) in enumerate(zip(tokens, traces)):
        deviation = min((error(x, trace.fused) for x in of_row), default=0.0)
        if not deviation <= TOLERANCE:
            wanted = f"the tokens that the module returns to be those of '{encoder.path}'"
            raise ExportError(subject, wanted, f"others, {deviation:.1e} apart in row {i}", norm_hint(encoder, traces))
    vectors = [returned_vectors(trace) for trace in traces]
    agreeing = [name for name in known if pools(reference, name, traces, vectors)] if all(vectors) else []
    if norms_after(traces) and not any(tokens) and not agreeing:
        got = f"{quoted(norms_after(traces))}, a LayerNorm that reads them"
        raise ExportError(subject, f"no trained part after '{encoder.path}'", got, norm_hint(encoder, traces))
    if all(vectors) and named != "none":
        if not agreeing or (named is not None and named not in agreeing):
            one_of = quoted(known if named is None else [named])
            wanted = f"the vector of {len(traces[0].fused[0])} numbers that the module returns to pool the fused tokens"
            got = f"one that pools them by {quoted(agreeing)}" if agreeing else "another"
            hint = f"pass pooling='{agreeing[0]}'" if agreeing else norm_hint(encoder, traces)
            raise ExportError(subject, f"{wanted} by {one_of}", got, hint)
        if named is None and len(agreeing) > 1:
            wanted = f"the vector that the module returns to tell how it pools the fused tokens, by one of {quoted(known)}"
            hint = "pass pooling=, or rows of several tokens"
            raise ExportError(subject, wanted, f"one that {quoted(agreeing)} give alike", hint)
        return named or agreeing[0]
    if named is None and not pooler and not all(x or y for x, y in zip(tokens, vectors)):
        wanted = f"the module to return tokens or a vector of {len(traces[0].fused[0])} numbers, which tell the pooling"
        shapes = [str(list(x.shape)) for x in traces[0].returned]
        hint = f"pass pooling=, one of {quoted([*known, 'none'])}"
        raise ExportError(subject, wanted, ", ".join(shapes) or "no tensor", hint)
    return named or ("pooler" if pooler else "mean")


def returned_tokens(trace: Trace) -> list[Tensor]:
    """The returned tensors with the shape of the fused tokens, as [tokens, D]; none if there is only one token."""
    fused = trace.fused
    if len(fused) == 1:
        return []
    shaped = [x for x in trace.returned if x.dim() > 1 and x.numel() == fused.numel() and x.shape[-1] == fused.shape[1]]
    return [x.reshape(fused.shape).float() for x in shaped]


def returned_vectors(trace: Trace) -> list[Tensor]:
    """The returned tensors of hidden size, as [D]."""
    hidden = trace.fused.shape[1]
    return [x.reshape(hidden).float() for x in trace.returned if x.dim() and x.numel() == hidden == x.shape[-1]]


def pools(reference: Reference, name: str, traces: list[Trace], vectors: list[list[Tensor]]) -> bool:
    """Whether every row has a returned vector that is its fused tokens pooled by this name."""
    pool = Reference({**reference.config, "pooling": name}, reference.tensors).pool
    pooled = [pool(trace.fused) for trace in traces]
    return all(y is not None and any(error(x, y) <= TOLERANCE for x in xs) for xs, y in zip(vectors, pooled))


def norms_after(traces: list[Trace]) -> list[str]:
    """The paths of the LayerNorms that read fused tokens, and nothing else, in every row."""
    return [path for path in traces[0].norms if all(path in trace.norms for trace in traces)]


def norm_hint(encoder: Encoder, traces: list[Trace]) -> str:
    """The next step to suggest if something comes between the fused tokens and what the module returns."""
    if encoder.final_norm is not None:
        return _ALONE
    paths = norms_after(traces)
    if not paths:
        return f"name a LayerNorm after the layers, final_layer_norm=, or {_ALONE}"
    attribute = re.sub(r"\.(\d+)(?![^.])", r"[\1]", f"module.{paths[0]}")
    return f"pass final_layer_norm={attribute}, or {_ALONE}"
