"""Makes rows of several lengths, which reveal mistakes with padding. Start at `proven`."""

from __future__ import annotations

import warnings
from typing import Callable, TypeVar

from braid.golden import Row, modalities_of

T = TypeVar("T")


def proven(rows: list[Row], describe: Callable[[list[Row]], T]) -> tuple[list[Row], T]:
    """The rows, and what `describe` makes of them. The rows have several lengths if the module accepts that.

    A module that accepts only one length is described with the rows as they are, and a warning.
    """
    shorter = of_several_lengths(rows)
    if shorter is rows:
        return rows, describe(rows)
    failure: Exception
    try:
        return shorter, describe(shorter)
    except Exception as raised:
        failure = raised
    described = describe(rows)
    warnings.warn(
        "Cannot prove the export on rows of several lengths: the sample has one length, and shorter rows "
        f"failed with {type(failure).__name__}: {failure}; pass a sample of several lengths if the module takes such",
        stacklevel=3,
    )
    return rows, described


def of_several_lengths(rows: list[Row]) -> list[Row]:
    """The same rows if every modality has several lengths or one token; otherwise every second row is cut shorter.

    A single row is followed by a shorter copy.
    """
    alike = [name for name in modalities_of(rows[0]) if len(rows[0][name]) > 1 and len({len(row[name]) for row in rows}) == 1]
    if not alike:
        return rows
    several = rows if len(rows) > 1 else [*rows, *rows]
    return [cut(row, alike) if i % 2 else row for i, row in enumerate(several)]


def cut(row: Row, names: list[str]) -> Row:
    """A row cut short: the first of these modalities to half of its tokens, the second to a third; boxes likewise."""
    lengths = {name: max(1, len(row[name]) // (2 + i)) for i, name in enumerate(names)}
    return {name: x[: lengths.get(name.partition(".")[0])] for name, x in row.items()}
