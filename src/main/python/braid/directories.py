"""Writes a directory as a whole or not at all. Start at `replaced`."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The files of a model. A new model replaces them and keeps all others.
_OF_A_MODEL = re.compile(
    r"config\.json|adapter_config\.json|pairs\.parquet|.*\.safetensors|.*\.safetensors\.index(\.[^.]+)?\.json"
)


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """A new directory next to `target` to write into. At the end it replaces `target`; after an error, `target` is
    unchanged.

    Files of the old directory that are not a model's are moved into the new one.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"Cannot write model '{target}': expected a directory or nothing there, got a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    unique = uuid.uuid4().hex
    written, old = (target.with_name(f".{target.name}.{kind}-{unique}") for kind in ("new", "old"))
    written.mkdir()
    try:
        yield written
        if target.exists():
            shutil.copymode(target, written)
            target.rename(old)
        try:
            written.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(written, ignore_errors=True)
    if old.exists():
        for entry in old.iterdir():
            if not _OF_A_MODEL.fullmatch(entry.name) and not (target / entry.name).exists():
                entry.rename(target / entry.name)
        shutil.rmtree(old)
