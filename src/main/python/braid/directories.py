"""Writes a directory whole or not at all. Start at `replaced`."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The files of a model, which a new model does not keep from an old one.
_OF_A_MODEL = re.compile(
    r"config\.json|adapter_config\.json|pairs\.parquet|.*\.safetensors|.*\.safetensors\.index(\.[^.]+)?\.json"
)


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """A new directory beside `target` to write into, which takes its place at the end; after an error, neither changes.

    Of a directory that was there, files that are no model's move over to the new one.
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
