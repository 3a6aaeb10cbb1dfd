"""Fused vectors as NumPy arrays."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from braid.errors import BraidError

_DTYPES = {"float32": "<f4", "float16": "<f2", "int8": "i1"}
_SCALES = {"fused": "fused_scale", "fused_tokens": "fused_tokens_scales"}


class Vectors(NamedTuple):
    """The keys of a fused table, and the vectors in the same order."""

    keys: pa.ChunkedArray
    #: Of `fused`: float32, [rows, hidden_size]. Of `fused_tokens`: an array [tokens, hidden_size] per row.
    vectors: Any


def read_vectors(output: str, column: str = "fused") -> Vectors:
    """Reads the vectors of a table that `braid fuse` published, in whatever form `--vectors` stored them.

    Args:
        output: the table's directory, or the URI of one, such as s3://bucket/fused.
        column: `fused` or `fused_tokens`.

    Raises:
        BraidError: there is no such table, or it has no such column.
    """
    files, root = fs.FileSystem.from_uri(output) if "://" in output else (fs.LocalFileSystem(), output)
    manifest = _manifest(files, root, output)
    if column not in _SCALES:
        raise BraidError(f"Cannot read '{output}': expected column 'fused' or 'fused_tokens', got '{column}'")
    options = manifest["options"]
    key, form = options["key"], options["vectors"]
    parts = [f"{root}/{part['file']}" for part in manifest["files"] if "file" in part]
    if not parts:
        return Vectors(pa.chunked_array([], pa.null()), np.empty((0, 0), np.float32))
    table = pa.concat_tables(_part(files, part, output, key, column, form) for part in parts)
    stored = table[column].combine_chunks()
    scales = table[_SCALES[column]].combine_chunks() if form == "int8" else None
    if column == "fused":
        return Vectors(table[key], _pooled(stored, form, scales))
    return Vectors(table[key], [_tokens(stored, row, form, scales, table["fused_lengths"]) for row in range(len(table))])


def _manifest(files: fs.FileSystem, root: str, output: str) -> dict[str, Any]:
    try:
        with files.open_input_stream(f"{root}/_manifest.json") as stream:
            manifest: dict[str, Any] = json.loads(stream.read())
    except (FileNotFoundError, NotADirectoryError):
        raise BraidError(
            f"Cannot read '{output}': expected a table of 'braid fuse', with _manifest.json in it, got none"
        ) from None
    except ValueError as damage:
        raise BraidError(
            f"Cannot read '{output}': expected JSON in _manifest.json, got '{damage}'; restore it, or write the table anew"
        ) from None
    return manifest


def _part(files: fs.FileSystem, path: str, output: str, key: str, column: str, form: str) -> pa.Table:
    file = pq.ParquetFile(path, filesystem=files)
    if column not in file.schema_arrow.names:
        emit = "pooled" if column == "fused" else "tokens"
        raise BraidError(
            f"Cannot read '{output}': expected column '{column}', got '{', '.join(file.schema_arrow.names)}'; fuse with"
            f" --emit {emit}"
        )
    lengths = ["fused_lengths"] if column == "fused_tokens" else []
    return file.read([key, column, *lengths, *([_SCALES[column]] if form == "int8" else [])])


def _pooled(stored: pa.Array, form: str, scales: pa.Array | None) -> Any:
    if len(stored) == 0:
        return np.empty((0, 0), np.float32)
    if form == "array":
        return stored.flatten().to_numpy().astype(np.float32, copy=False).reshape(len(stored), -1)
    numbers = np.frombuffer(b"".join(stored.to_pylist()), _DTYPES[form]).reshape(len(stored), -1).astype(np.float32)
    return numbers if scales is None else numbers * scales.to_numpy()[:, None]


def _tokens(stored: pa.Array, row: int, form: str, scales: pa.Array | None, lengths: pa.ChunkedArray) -> Any:
    tokens = sum(lengths[row].as_py().values())
    if form == "array":
        return stored[row].values.flatten().to_numpy().astype(np.float32, copy=False).reshape(tokens, -1)
    numbers = np.frombuffer(stored[row].as_buffer(), _DTYPES[form]).reshape(tokens, -1).astype(np.float32)
    return numbers if scales is None else numbers * np.array(scales[row].as_py(), np.float32)[:, None]
