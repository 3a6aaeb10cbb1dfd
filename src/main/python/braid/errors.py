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


class NeitherWayError(ExportError):
    """What stands in the way of an export as a model of one stream, and as one of several."""

    def __init__(self, of_one_stream: ExportError, of_several: ExportError) -> None:
        BraidError.__init__(self, f"{of_one_stream}; or, as a model of several streams: {of_several}")


def quoted(names: Iterable[str]) -> str:
    """The names in quotes, `'a', 'b'`, or `none`; more than eight are counted."""
    listed = [f"'{name}'" for name in names]
    if len(listed) > 8:
        listed = [*listed[:8], f"{len(listed) - 8} more"]
    return ", ".join(listed) or "none"
