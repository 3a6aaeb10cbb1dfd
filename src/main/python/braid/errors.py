"""The errors of this package and their wording."""

from __future__ import annotations

from collections.abc import Iterable


class BraidError(ValueError):
    """What Braid refuses, in its words: what, where, expected, got, next step."""


class ExportError(BraidError):
    """What stands in the way of an export: `Cannot export SUBJECT: expected EXPECTED, got GOT; NEXT_STEP`."""

    def __init__(self, subject: str, expected: str, got: str, next_step: str = "") -> None:
        super().__init__(
            f"Cannot export {subject}: expected {expected}, got {got}" + (f"; {next_step}" if next_step else "")
        )


def quoted(names: Iterable[str]) -> str:
    """The names in quotes, `'a', 'b'`, or `none`; more than eight are counted."""
    listed = [f"'{name}'" for name in names]
    if len(listed) > 8:
        listed = [*listed[:8], f"{len(listed) - 8} more"]
    return ", ".join(listed) or "none"
