"""What the caller of `export` names, and the tables in it as model directories store them. Start at `Named`.

Dimension letter: D hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from torch import Tensor, nn

from braid.errors import ExportError, quoted
from braid.golden import Row, modalities_of
from braid.sources import position_tables, with_positions
from braid.trace import Call
from braid.wrappers import Parts

#: Learned rows: an embedding, or a tensor whose last axis has the hidden size.
Table = Union[nn.Embedding, Tensor]

#: What can be named for a module of several streams.
OF_STREAMS = {"call", "heads", "pooling", "modality_embeddings", "position_embeddings"}


@dataclass(frozen=True)
class Named:
    """What the caller names, in the words of config.json. None: it is found by running the module, or absent."""

    call: Call | None = None
    encoder: nn.Module | None = None
    final_layer_norm: nn.Module | None = None
    heads: int | None = None
    projections: Mapping[str, nn.Linear | None] | None = None
    cls_token: Tensor | None = None
    modality_embeddings: Table | None = None
    position_embeddings: Table | Mapping[str, Table] | None = None
    embedding_layer_norm: nn.Module | None = None
    pooler: nn.Linear | None = None
    pooling: str | None = None


def table(subject: str, hidden: int, argument: str, value: Table) -> Tensor:
    """A table of learned rows as [rows, D]."""
    weight = (value.weight if isinstance(value, nn.Embedding) else value).detach()
    if weight.numel() == 0 or weight.shape[-1] != hidden:
        raise ExportError(subject, f"rows of {hidden} numbers ({argument}=)", str(list(weight.shape)))
    return weight.reshape(-1, hidden)


def modality_rows(subject: str, hidden: int, names: list[str], value: Table) -> Tensor:
    """A table with a row for each modality."""
    weight = table(subject, hidden, "modality_embeddings", value)
    if len(weight) < len(names):
        raise ExportError(subject, f"{len(names)} rows (modality_embeddings=)", str(len(weight)))
    return weight[: len(names)]


def stream_tables(parts: Parts, rows: list[Row], named: Named) -> dict[str, Tensor]:
    """The tensors of the tables that the caller names for a module of several streams, all of one hidden size."""
    subject, names = f"'{type(parts['']).__name__}'", modalities_of(rows[0])
    kinds, positions = named.modality_embeddings, named.position_embeddings
    tables: dict[str, Tensor] = {}
    if kinds is not None:
        hidden = (kinds.weight if isinstance(kinds, nn.Embedding) else kinds).shape[-1]
        tables["modality_embeddings.weight"] = modality_rows(subject, hidden, names, kinds)
    if positions is not None:
        first = positions if isinstance(positions, (nn.Embedding, Tensor)) else next(iter(positions.values()))
        hidden = (first.weight if isinstance(first, nn.Embedding) else first).shape[-1]
        ((_, of_modalities), *_) = position_kinds(subject, hidden, rows, named)
        tables |= of_modalities
    return tables


def position_kinds(
    subject: str, hidden: int, rows: list[Row], named: Named
) -> list[tuple[bool | str | list[str], dict[str, Tensor]]]:
    """The values of `position_embeddings` to try, with their tensors: a named table, or else none and the sinusoids."""
    names, positions = modalities_of(rows[0]), named.position_embeddings
    row_differs = len(names) > 1 or named.cls_token is not None
    if positions is None:
        sinusoids = ["sinusoidal", "sinusoidal_concatenated"] if row_differs else ["sinusoidal"]
        return [(False, {}), *((kind, {}) for kind in sinusoids if hidden % 2 == 0)]
    by_name: dict[str, Table]
    if isinstance(positions, (nn.Embedding, Tensor)):
        by_name = dict.fromkeys(names, positions)
    else:  # a mapping; or nn.ModuleDict or nn.ParameterDict, which are not Mappings
        by_name = dict(positions.items())
    if not by_name or not set(by_name) <= set(names):
        raise ExportError(subject, f"tables of modalities, {quoted(names)} (position_embeddings=)", quoted(by_name))
    tables = {name: table(subject, hidden, "position_embeddings", value) for name, value in by_name.items()}
    for name, of_name in tables.items():
        longest = max(len(row[name]) for row in rows)
        if len(of_name) < longest:
            raise ExportError(subject, f"{longest} positions or more of '{name}' (position_embeddings=)", str(len(of_name)))
    named_tables = position_tables(tables)
    kinds: list[tuple[bool | str | list[str], dict[str, Tensor]]] = [(with_positions(names, named_tables), named_tables)]
    longest = max(sum(len(row[name]) for name in names) for row in rows) + (named.cls_token is not None)
    if isinstance(positions, (nn.Embedding, Tensor)) and row_differs and len(tables[names[0]]) >= longest:
        kinds.append(("concatenated", {"position_embeddings.weight": tables[names[0]]}))
    return kinds
