"""Finds how a module turns a modality's features or token ids into tokens, from the calls of its parts. Start at
`sources`.

Dimension letters: S tokens of a modality in a row, D hidden size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable

import torch
from torch import Tensor, nn

from braid.encoder import linear_tensors, norm_tensors
from braid.errors import ExportError
from braid.golden import BOXES, Row, is_ids, modalities_of, same
from braid.norms import may_be_norm
from braid.trace import Event
from braid.wrappers import Parts


@dataclass(frozen=True)
class Source:
    """How a modality's tokens are made: the paths of the parts, None if there is no such part.

    token = norm(joined(projection_norm(linear(features or word embeddings)), box_norm(box_linear(box))) + row +
    positions)

    `box_fusion` says how features and boxes are joined: `sum` or `mean`, or `concatenate` before the only Linear. If
    that Linear reads the boxes first, `box_first` is their size; its columns are reordered when they are stored. `row`
    is the path of an embedding and the number of its row that is added to all tokens. If `scaled`, word embeddings are
    multiplied by the square root of their size (Vaswani et al. 2017, arXiv 1706.03762, section 3.4), and stored
    multiplied.
    """

    words: str | None = None
    scaled: bool = False
    linear: str | None = None
    projection_norm: str | None = None
    box_linear: str | None = None
    box_norm: str | None = None
    box_fusion: str | None = None
    box_first: int = 0
    row: tuple[str, int] | None = None
    positions: str | None = None
    norm: str | None = None

    def prefixes(self, name: str) -> dict[str, str]:
        """The modality's entries of `tensor_prefixes` in config.json."""
        parts = {
            name: self.linear,
            f"{name}.word_embeddings": self.words,
            f"{name}.projection_norm": self.projection_norm,
            f"{name}.box_projection": self.box_linear,
            f"{name}.box_norm": self.box_norm,
            f"{name}.embedding_norm": self.norm,
        }
        return {key: path for key, path in parts.items() if path is not None}

    def modality(self, parts: Parts, name: str, row: Row, hidden: int) -> dict[str, Any]:
        """The modality's entry of `modalities` in config.json."""
        if self.words is None:
            boxes = {} if self.box_fusion is None else {"box_size": row[name + BOXES].shape[1], "box_fusion": self.box_fusion}
            return {"name": name, "feature_size": row[name].shape[1], **boxes}
        words: Any = parts[self.words]
        width = {} if words.embedding_dim == hidden else {"feature_size": words.embedding_dim}
        return {"name": name, "vocab_size": words.num_embeddings, **width}

    def tensors(self, parts: Parts, name: str, of_norms: Mapping[str, Any]) -> dict[str, Tensor]:
        """The tensors below the paths of `prefixes`. Norms must be of the kind in `of_norms`, keys of config.json."""
        tensors = {}
        if self.words is not None:
            words = weight_of(parts, self.words)
            tensors[f"{self.words}.weight"] = multiplied(words) if self.scaled else words
        if self.linear is not None:
            tensors |= linear_tensors(f"the projection of '{name}'", parts[self.linear], self.linear)
            weight = f"{self.linear}.weight"
            tensors[weight] = tensors[weight].roll(-self.box_first, 1)
        if self.box_linear is not None:
            tensors |= linear_tensors(f"the box projection of '{name}'", parts[self.box_linear], self.box_linear)
        for path in (self.projection_norm, self.box_norm, self.norm):
            if path is not None:
                tensors |= norm_tensors(f"the norm '{path}' of '{name}'", parts[path], of_norms, path)
        return tensors


def sources(
    parts: Parts, runs: Iterable[tuple[list[Event], Row]], name: str, add: Callable[[Tensor], Tensor]
) -> dict[Source, list[Tensor]]:
    """Everything that may make a modality's tokens in all of these runs, simplest first; with the tokens [S, size] of
    each run.

    `add` adds the tables that the caller names to tokens.
    """
    found: dict[Source, list[Tensor]] | None = None
    for events, row in runs:
        of_row = sources_of_row(parts, events, row[name], row.get(name + BOXES), add)
        if found is None:
            found = {source: [tokens] for source, tokens in of_row.items()}
        else:
            found = {source: [*before, of_row[source]] for source, before in found.items() if source in of_row}
    return found or {}


def sources_of_row(
    parts: Parts, events: list[Event], x: Tensor, boxes: Tensor | None, add: Callable[[Tensor], Tensor]
) -> dict[Source, Tensor]:
    norms = [e for e in events if may_be_norm(parts[e.path])]
    looked_up = [e for e in events if isinstance(parts[e.path], nn.Embedding)]
    rows = [e for e in looked_up if is_constant(e.inputs[0])]
    positions = [e for e in looked_up if torch.equal(e.inputs[0], torch.arange(len(x)))]
    found: dict[Source, Tensor] = {}
    linears = [e for e in events if isinstance(parts[e.path], nn.Linear)]
    start = {Source(): x}
    if is_ids(x):
        words = [e for e in looked_up if torch.equal(e.inputs[0], x)]
        start = {Source(words=e.path): e.output for e in words}
        start |= {Source(words=e.path, scaled=True): multiplied(e.output) for e in words}
    joined = projected(linears, norms, start)
    if boxes is not None:
        joined = with_boxes(linears, norms, joined, x, boxes)
    for source, tokens in joined.items():
        for row, of_positions in itertools.product((None, *rows), (None, *positions)):
            added = [e.output for e in (row, of_positions) if e is not None]
            if all(y.shape[1] == tokens.shape[1] and len(y) in (1, len(tokens)) for y in added):
                place = None if row is None else (row.path, int(row.inputs[0][0]))
                table = None if of_positions is None else of_positions.path
                found[replace(source, row=place, positions=table)] = add(tokens + sum(added))
    for source, tokens in list(found.items()):
        for norm in reading(norms, tokens):
            found[replace(source, norm=norm.path)] = norm.output
    return found


def projected(linears: list[Event], norms: list[Event], start: dict[Source, Tensor]) -> dict[Source, Tensor]:
    """The tokens unchanged, projected, and projected and normalised."""
    found = dict(start)
    for source, tokens in start.items():
        for linear in reading(linears, tokens):
            found[replace(source, linear=linear.path)] = linear.output
            for norm in reading(norms, linear.output):
                found[replace(source, linear=linear.path, projection_norm=norm.path)] = norm.output
    return found


def with_boxes(
    linears: list[Event], norms: list[Event], features: dict[Source, Tensor], x: Tensor, boxes: Tensor
) -> dict[Source, Tensor]:
    """Projected features joined with projected boxes; and both concatenated, then projected."""
    found: dict[Source, Tensor] = {}
    of_boxes = projected(linears, norms, {Source(): boxes})
    for (source, tokens), (box, located) in itertools.product(features.items(), of_boxes.items()):
        if source.linear is not None and box.linear is not None and tokens.shape == located.shape:
            both = replace(source, box_linear=box.linear, box_norm=box.projection_norm)
            found[replace(both, box_fusion="sum")] = tokens + located
            found[replace(both, box_fusion="mean")] = (tokens + located) / 2
    orders = {Source(box_fusion="concatenate"): torch.cat([x, boxes], 1)}
    orders[Source(box_fusion="concatenate", box_first=boxes.shape[1])] = torch.cat([boxes, x], 1)
    together = projected(linears, norms, orders)
    return {**found, **{source: tokens for source, tokens in together.items() if source.linear is not None}}


def multiplied(words: Tensor) -> Tensor:
    """Word embeddings [.., size] times the square root of their size."""
    return words * math.sqrt(words.shape[-1])


def is_constant(ids: Tensor) -> bool:
    return bool((ids == ids[0]).all())


def reading(events: list[Event], x: Tensor) -> list[Event]:
    """The calls whose input is exactly these tokens."""
    return [event for event in events if same(event.inputs[0], x)]


def refuse_ambiguous_ids(subject: str, rows: list[Row]) -> None:
    """Refuses ids that are all the same or count from 0: a type or position embedding would read the same numbers."""
    for name in modalities_of(rows[0]):
        of_rows = [row[name] for row in rows]
        if is_ids(of_rows[0]) and (
            all(torch.equal(ids, torch.arange(len(ids))) for ids in of_rows) or is_constant(torch.cat(of_rows))
        ):
            expected = f"token ids of '{name}' that tell words from positions"
            raise ExportError(subject, expected, "one id alone, or 0, 1, 2, ... in every row", "pass ids of real text")


def embedding_tables(parts: Parts, chosen: Mapping[str, Source]) -> dict[str, Tensor]:
    """The tables of added rows: one with a row per modality (zeros for those without), and those per position."""
    tables: dict[str, Tensor] = {}
    rows = {name: weight_of(parts, of.row[0])[of.row[1]] for name, of in chosen.items() if of.row is not None}
    if rows:
        none = torch.zeros_like(next(iter(rows.values())))
        tables["modality_embeddings.weight"] = torch.stack([rows.get(name, none) for name in chosen])
    positions = {name: weight_of(parts, of.positions) for name, of in chosen.items() if of.positions is not None}
    return {**tables, **position_tables(positions)}


def position_tables(tables: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tables with a row per position, by modality, under their names in a directory."""
    return {f"position_embeddings.{name}.weight": table for name, table in tables.items()}


def with_positions(names: Collection[str], tensors: Mapping[str, Tensor]) -> bool | list[str]:
    """The value of `position_embeddings`: whether `tensors` have tables of modalities; if of some, their names."""
    having = [name for name in names if f"position_embeddings.{name}.weight" in tensors]
    return having if having and len(having) < len(names) else bool(having)


def weight_of(parts: Parts, embedding: str) -> Tensor:
    weight: Tensor = parts[embedding].weight  # type: ignore[assignment]
    return weight.detach()
