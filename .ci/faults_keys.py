"""The check keys of faults.py: two tables of ten million keys are joined, with four million bad rows, and a driver heap of 1 GiB."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faults_runs import ROOT, Place, check
from faults_tables import write_model

KEYS, MISSING, DOUBLED, FILES = 10_000_000, 2_000_000, 1_000_000, 8
WIDTHS = {"visual": 1, "text": 1}


def write(name, keys):
    """A table of keys, each with one number; its directory."""
    (directory := ROOT / f"keys-{name}").mkdir()
    for file, part in enumerate(np.array_split(keys, FILES)):
        one = pa.array(np.float32(part % 1000))
        features = pa.ListArray.from_arrays(pa.array(np.arange(len(part) + 1, dtype=np.int32)), one)
        pq.write_table(pa.table({"key": part, name: features}), directory / f"{file}.parquet", write_page_checksum=True)
    return directory


def keys():
    """Joins tables of which one lacks keys and has others twice."""
    write_model(ROOT / "tiny", 1, 4, WIDTHS, heads=1)
    every = np.random.default_rng(3).permutation(np.arange(KEYS + MISSING + DOUBLED, dtype=np.int64))
    visual = write("visual", every)
    text = write("text", np.concatenate([every[MISSING:][::-1], every[-DOUBLED:]]))
    bad = {"duplicate_key": 2 * DOUBLED, "missing_modality": MISSING}
    place = Place("keys", ["--model", str(ROOT / "tiny"), "--key", "key", "--vectors", "float16",
                           "--features", f"visual={visual}", "--features", f"text={text}"],
                  spark=("--master", "local[2]", "--driver-memory", "1g"), jvm="")  # fmt: skip
    problem = place.run("--on-bad-row", "quarantine", "--on-missing-modality", "quarantine")
    found = place.manifest() if not problem else {}
    check(f"{KEYS:,} keys meet, and {sum(bad.values()):,} rows are set aside for their keys, under a heap of 1 GiB", [
        problem, "" if problem or found["quarantined"] == bad else f"set aside {found['quarantined']}, expected {bad}",
        "" if problem or found["rows"] == KEYS else f"{found['rows']} rows, expected {KEYS}",
        f"a trace: {place.error}" if "\tat " in place.error else ""])  # fmt: skip
