"""The check keys of faults.py: ten million keys of two tables meet in a driver of 1 GiB, and so do five million bad ones."""

import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faults_runs import ROOT, Place, check
from faults_tables import write_model

KEYS, FILES = 10_000_000, 8
WIDTHS = {"visual": 1, "text": 1}


def write(directory, keys):
    """A table of keys, each with one number."""
    directory.mkdir()
    for file, part in enumerate(np.array_split(keys, FILES)):
        one = pa.array(np.float32(part % 1000))
        features = pa.ListArray.from_arrays(pa.array(np.arange(len(part) + 1, dtype=np.int32)), one)
        pq.write_table(pa.table({"key": part, directory.name.split("-")[0]: features}), directory / f"{file}.parquet",
                       write_page_checksum=True)  # fmt: skip


def keys():
    """Pairs them; then with a half of the keys missing in one table, a tenth of the others doubled."""
    write_model(ROOT / "tiny", 1, 4, WIDTHS, heads=1)
    every = np.random.default_rng(3).permutation(np.arange(KEYS, dtype=np.int64))
    missing = every[: KEYS // 2]
    doubled = missing[: KEYS // 20]
    write(ROOT / "visual-all", every)
    write(ROOT / "text-all", every[::-1])
    write(ROOT / "text-bad", np.concatenate([missing[::-1], doubled]))
    for name, text, bad in (("good", "text-all", {}), ("bad", "text-bad", {
            "duplicate_key": 2 * len(doubled), "missing_modality": KEYS - len(missing)})):  # fmt: skip
        place = Place(f"keys-{name}", ["--model", str(ROOT / "tiny"), "--key", "key", "--vectors", "float16",
                                       "--features", f"visual={ROOT / 'visual-all'}", "--features", f"text={ROOT / text}"],
                      spark=("--master", "local[2]", "--driver-memory", "1g"))  # fmt: skip
        begun = time.monotonic()
        problem = place.run("--on-bad-row", "quarantine", "--on-missing-modality", "quarantine")
        seconds = time.monotonic() - begun
        found = json.loads((place.output / "_manifest.json").read_text()) if not problem else {}
        fused = KEYS - sum(bad.values()) + len(doubled) * (name == "bad")
        check(f"{KEYS:,} keys, {sum(bad.values()):,} of their rows bad, under a heap of 1 GiB ({seconds:.0f} s)", [
            problem, "" if problem or found["quarantined"] == bad else f"set aside {found['quarantined']}, expected {bad}",
            "" if problem or found["rows"] == fused else f"{found['rows']} rows, expected {fused}",
            f"a trace: {place.error}" if "\tat " in place.error else ""])  # fmt: skip
