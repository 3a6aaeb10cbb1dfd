"""Tokens that layers read or leave, and what they consist of. Start at `Values`.

Dimension letters: S tokens, D size of a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from braid.golden import POOLINGS, same
from braid.norms import may_be_norm
from braid.sources import Source
from braid.trace import Event
from braid.wrappers import Parts

#: A piece of a value: a modality with its source, a learned tensor's name, or an earlier value.
Piece = tuple[str, Any]


@dataclass(eq=False)
class Value:
    """Tokens, the pieces that they consist of if no layer made them, and the stream that holds them.

    `form` says how the pieces make the tokens: `join` puts them one after another, `concat` their features side by
    side, and `pool` is one vector of one piece.
    """

    tokens: Tensor
    pieces: list[Piece] = field(default_factory=list)
    stream: str = ""
    last_read: int = -1
    #: The name of the stream if it has only learned tokens.
    name: str = "queries"
    form: str = "join"
    pooling: str = ""
    #: The name of a table that is added: a row for each position.
    positions: str = ""


class Values:
    """The known values, and the sources, constants and tables of which new values may consist."""

    def __init__(
        self, sources: dict[str, dict[Source, Tensor]], constants: dict[str, Tensor], tables: dict[str, Tensor]
    ) -> None:
        """`sources` are, for each modality, what may make its tokens, with these tokens.

        `constants` [tokens, D] may be learned tokens, and `tables` [positions, D] may be added to tokens.
        """
        self.sources, self.constants, self.tables = sources, constants, tables
        self.all: list[Value] = []

    def known(self, tokens: Tensor) -> Value | None:
        """The latest value with these tokens; None if there is none."""
        return next((value for value in reversed(self.all) if same(value.tokens, tokens)), None)

    def explained(self, tokens: Tensor) -> Value | None:
        """The value with these tokens, known or new; None if nothing explains them."""
        return self.known(tokens) or self.from_pieces(tokens)

    def composed(self, tokens: Tensor) -> list[Value] | None:
        """The known values that these tokens are, one after another; None if they are something else."""
        known = self.known(tokens)
        if known is not None:
            return [known]
        ways = (way for way in self.token_splits(tokens, []) if all(kind == "value" for kind, _ in way))
        way = next(ways, None)
        return None if way is None else [part for _, part in way]

    def from_pieces(self, tokens: Tensor) -> Value | None:
        """A new value made of pieces: one after another, with their features side by side, or with positions added."""
        for form, ways in (("join", self.token_splits(tokens, [])), ("concat", self.feature_splits(tokens, []))):
            pieces = next(ways, None)
            if pieces is not None:
                self.all.append(Value(tokens, pieces, form=form))
                return self.all[-1]
        for name, table in self.tables.items():
            if table.shape[1] == tokens.shape[1] and len(table) >= len(tokens):
                for pieces in self.token_splits(tokens - table[: len(tokens)], []):
                    kinds = [kind for kind, _ in pieces]
                    if kinds[-1] in self.sources and kinds[:-1] in ([], ["learned"]) and pieces[-1][1].norm is None:
                        self.all.append(Value(tokens, pieces, positions=name))
                        return self.all[-1]
        return None

    def vector(self, x: Tensor) -> Value | None:
        """A new value [1, D] that consists of pooled vectors side by side."""
        pooled = next(self.pooled_splits(x, []), None)
        if pooled is None:
            return None
        vectors = [Value(y, [piece], form="pool", pooling=pooling) for piece, pooling, y in pooled]
        whole = vectors[0] if len(vectors) == 1 else Value(x, [("value", vector) for vector in vectors], form="concat")
        self.all.append(whole)
        return whole

    def token_splits(self, tokens: Tensor, before: list[Piece]) -> Iterator[list[Piece]]:
        """The ways to split tokens into pieces that follow each other."""
        if len(tokens) == 0:
            yield before
        for piece, x in self.candidates():
            if x.shape[1] == tokens.shape[1] and 0 < len(x) <= len(tokens) and piece not in before:
                if same(x, tokens[: len(x)]):
                    yield from self.token_splits(tokens[len(x) :], [*before, piece])

    def feature_splits(self, tokens: Tensor, before: list[Piece]) -> Iterator[list[Piece]]:
        """The ways to split features into pieces side by side."""
        if tokens.shape[1] == 0:
            yield before
        for piece, x in self.candidates(learned=False):
            if len(x) == len(tokens) and 0 < x.shape[1] <= tokens.shape[1] and piece not in before:
                if same(x, tokens[:, : x.shape[1]]):
                    yield from self.feature_splits(tokens[:, x.shape[1] :], [*before, piece])

    def pooled_splits(self, x: Tensor, before: list[tuple[Piece, str, Tensor]]) -> Iterator[list[tuple[Piece, str, Tensor]]]:
        """The ways to split a vector [1, D] into pooled pieces."""
        if x.shape[1] == 0:
            yield before
        for piece, tokens in self.candidates(learned=False):
            if 0 < tokens.shape[1] <= x.shape[1] and len(tokens):
                for pooling, pool in POOLINGS.items():
                    y = pool(tokens)[None]
                    taken = any(other == piece and name == pooling for other, name, _ in before)
                    if not taken and same(y, x[:, : y.shape[1]]):
                        yield from self.pooled_splits(x[:, y.shape[1] :], [*before, (piece, pooling, y)])

    def candidates(self, learned: bool = True) -> Iterator[tuple[Piece, Tensor]]:
        for value in self.all:
            yield ("value", value), value.tokens
        for name, of_name in self.sources.items():
            for source, tokens in of_name.items():
                yield (name, source), tokens
        for name, constant in self.constants.items() if learned else ():
            yield ("learned", name), constant

    def piece(self, piece: Piece) -> Value:
        """The value of a piece; a new one unless the piece is a value."""
        kind, part = piece
        if kind == "value":
            return part  # type: ignore[no-any-return]
        return Value(next(x for candidate, x in self.candidates() if candidate == piece), [piece])


def rows_of(named: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors that may be tokens or tables, as [rows, D]."""
    return {
        name: x.detach().reshape(-1, x.shape[-1])
        for name, x in named
        if x.is_floating_point() and x.dim() in (2, 3) and x.numel() and (x.dim() == 2 or 1 in x.shape[:2])
    }


def with_projected(constants: dict[str, Tensor], parts: Parts, events: list[Event]) -> dict[str, Tensor]:
    """The constants, and what norms and Linears make from them: the same for every row."""
    found = dict(constants)
    for event in events:
        if isinstance(parts[event.path], nn.Linear) or may_be_norm(parts[event.path]):
            if any(same(event.inputs[0], x) for x in found.values()):
                found[f"learned.{event.path}"] = event.output
    return found
