"""The check references of faults.py: pairs that refer to feature tables, killed and broken."""

import pyarrow as pa
import pyarrow.parquet as pq

from faults_rows import set_aside
from faults_runs import ROOT, Place, check, differs, recomputed, undisturbed
from faults_tables import ROWS, SCHEMA, TABLES, rows, write_table

IMAGES, SOUNDS, POPULAR = 300, 7, 3


def ids(key):
    """The rows that a pair refers to: half of all pairs to one image."""
    return {"visual": POPULAR if key % 2 else key % IMAGES, "text": key, "audio": key % SOUNDS}


def write_pairs(directory, found):
    directory.mkdir()
    columns = {"key": pa.int64(), **{f"{modality}_id": pa.int64() for modality in TABLES}}
    table = pa.Table.from_pylist(found, pa.schema(list(columns.items())))
    pq.write_table(table, directory / "0.parquet", write_page_checksum=True)
    return ["--pairs", str(directory), *(word for m in TABLES for word in ("--pair", f"{m}={m}_id", "--id", f"{m}=key"))]


def pair(key, **other):
    return {"key": key, **{f"{modality}_id": number for modality, number in ids(key).items()}, **other}


def references():
    """A killed and repeated run gives the rows of a table that was joined first; bad references are set aside."""
    good = rows(ROWS)
    common = ["--model", str(ROOT / "model"), "--key", "key", "--mask", "visual=mask", "--max-tokens", "512", "--output-files", "12"]
    joined = [{"key": key} | {name: good[number][name] for modality, number in ids(key).items() for name in TABLES[modality][1:]}
              for key in range(ROWS)]  # fmt: skip
    write_table(ROOT / "references-joined", SCHEMA, joined, files=3)
    reference = undisturbed("joined-first", [*common, "--paired", str(ROOT / "references-joined")])
    for modality, columns in TABLES.items():
        write_table(ROOT / "referenced" / modality, columns, good[: {"visual": IMAGES, "audio": SOUNDS}.get(modality, ROWS)], 3)
    write_table(ROOT / "referenced-twice", TABLES["text"], [*good, good[0]], 3)
    features = [word for m in TABLES for word in ("--features", f"{m}={ROOT / 'referenced' / m}")]
    pairs = [pair(key) for key in range(ROWS)]
    inputs = [*common, "--partitions", "12", *features, *write_pairs(ROOT / "references", pairs[::-1])]

    killed = Place("references-killed", inputs)
    process = killed.start(hook=killed.hold(3))
    killed.wait(process, 3)
    killed.kill(process)
    before = killed.shards()
    problem = killed.run()
    check(f"{ROWS} pairs, half of them of one image, killed with {len(before)} tasks finished and run again: the rows of a table that joins"
          " them first, to the bit", [
        problem, *([] if problem else [*differs(killed, reference), recomputed(killed, before)]), killed.left(), killed.audit(),
    ])  # fmt: skip

    bad = [pair(ROWS, visual_id=None), pair(ROWS + 1, text_id=10**9), pair(ROWS + 2, text_id=0), {**pair(7), "key": None}, pair(5)]
    expected = [(ROWS, "missing_modality"), (ROWS + 1, "missing_modality"), (ROWS + 2, "duplicate_id"), (0, "duplicate_id"),
                (None, "null_key"), (5, "duplicate_key"), (5, "duplicate_key")]  # fmt: skip
    features[features.index(f"text={ROOT / 'referenced' / 'text'}")] = f"text={ROOT / 'referenced-twice'}"
    broken = Place("references-broken", [*common, *features, *write_pairs(ROOT / "references-bad", pairs + bad)])
    problem = broken.run("--on-bad-row", "quarantine", "--on-missing-modality", "quarantine")
    found, other = set_aside(broken) if not problem else ([], "")
    aside = sorted((str(row["key"]), row["reason"]) for row in found)
    kept = {"table": reference["table"].filter(pa.array([key not in (0, 5) for key in reference["table"]["key"].to_pylist()]))}
    check(f"{len(expected)} pairs with bad references or keys: each once in the quarantine, good rows the same to the bit", [
        problem, other, broken.left(), "" if aside == sorted((str(key), reason) for key, reason in expected) else f"found {aside}",
        *([] if problem else differs(broken, kept | {"fingerprint": broken.manifest()["fingerprint"]})),
    ])  # fmt: skip
