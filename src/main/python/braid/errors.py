"""The errors of this package and their wording."""

from __future__ import annotations

from collections.abc import Iterable


class BraidError(ValueError):
    """A request that Braid refuses: what failed, what was expected, what was found, and what to do next."""


class ExportError(BraidError):
    """An export that is refused: `Cannot export SUBJECT: expected EXPECTED, got GOT; NEXT_STEP`."""

    def __init__(self, subject: str, expected: str, got: str, next_step: str = "") -> None:
        super().__init__(
            f"Cannot export {subject}: expected {expected}, got {got}" + (f"; {next_step}" if next_step else "")
        )


class NeitherWayError(ExportError):
    """A module that is neither a model of one stream nor one of several, with both reasons."""

    def __init__(self, of_one_stream: ExportError, of_several: ExportError) -> None:
        BraidError.__init__(self, f"{of_one_stream}; or, as a model of several streams: {of_several}")


def quoted(names: Iterable[str]) -> str:
    """The names in quotes, `'a', 'b'`, or `none`. After the eighth, the message only counts them."""
    listed = [f"'{name}'" for name in names]
    if len(listed) > 8:
        listed = [*listed[:8], f"{len(listed) - 8} more"]
    return ", ".join(listed) or "none"
