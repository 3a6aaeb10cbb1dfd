"""every_spark.py make DIRECTORY, then compare DIRECTORY VERSION...: makes the inputs of .ci/every-spark, and checks its outputs.

Every form of features holds the same float32 values, so all runs of one group must give the same vectors and the same
fingerprint, on every version. Keys and kept columns must come out exactly as they went in.
"""

import json
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

ROWS, WIDTH = 8, 8
MODALITIES = ("visual", "text")
WAYS = ("scan", "shuffle", "joined")
SELECTIONS = ("mask-int", "mask-boolean", "length")
RANDOM = np.random.default_rng(20260126)

#: Half floats, as a column of lists of tokens, of lists of numbers, or of bytes.
FORMS = {
    "nested32": lambda rows: pa.array(lists(rows, np.float32), pa.list_(pa.list_(pa.float32()))),
    "nested64": lambda rows: pa.array(lists(rows, np.float64), pa.list_(pa.list_(pa.float64()))),
    "flat32": lambda rows: pa.array([row.astype(np.float32).ravel() for row in rows], pa.list_(pa.float32())),
    "flat64": lambda rows: pa.array([row.astype(np.float64).ravel() for row in rows], pa.list_(pa.float64())),
    "binary32": lambda rows: pa.array([row.astype("<f4").tobytes() for row in rows]),
    "binary16": lambda rows: pa.array([row.astype("<f2").tobytes() for row in rows]),
}


def lists(rows, dtype):
    return [list(row.astype(dtype)) for row in rows]


def strings(values):
    """A string column of any bytes."""
    stored = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(stored), stored.buffers(), stored.null_count)


def floats(bits, dtype):
    return pa.array(bits, pa.uint32() if dtype == pa.float32() else pa.uint64()).view(dtype)


DAYS = ("0001-01-01", "1215-06-15", "1582-10-04", "1582-10-10", "1582-10-15", "1969-12-31", "9999-12-31")
TIMES = (
    "0001-01-01T00:00:00.000001", "1215-06-15T12:30:00", "1582-10-10T23:59:59.999999", "1883-11-18T12:03:58",
    "1900-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2026-03-29T02:30:00.123456",
)  # fmt: skip
BYTES = [b"a", b"", b"\xc3\xa9", b"\xff", b"\xfe\x00", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80"]


def instants(unit, zone):
    counts = np.array(TIMES, f"datetime64[{unit}]").astype(int).tolist()
    return pa.array([*counts, None], pa.int64()).cast(pa.timestamp(unit, zone))


def integers(kind):
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return pa.array([low, high // 2, 2, 1, 7, high - 1, high, None], pa.from_numpy_dtype(np.dtype(kind)))


def decimals(precision, scale):
    most = 10**precision - 1
    found = [most, -most, 0, 1, -1, 12345, -7]
    return pa.array([Decimal(f"{number}E-{scale}") for number in found] + [None], pa.decimal128(precision, scale))


def kept_columns():
    """A column of each type that Parquet holds and every Spark reads, with odd values and a null in each."""
    pairs = [("z", 1), ("a", 2), ("m", None), ("a", 3)]
    columns = {
        "string": strings([*BYTES, None]),
        "binary": pa.array([*BYTES, None], pa.binary()),
        "fixed": pa.array([bytes([i, 0, 255, 10]) for i in range(7)] + [None], pa.binary(4)),
        "boolean": pa.array([True, False, True, True, False, True, False, None]),
        "date": pa.array([*np.array(DAYS, "datetime64[D]").astype(int).tolist(), None], pa.int32()).cast(pa.date32()),
        "timestamp": instants("us", "UTC"),
        "timestamp_ms": instants("ms", "UTC"),
        "timestamp_ntz": instants("us", None),
        "float": floats([0x80000000, 0, 0x7FC00000, 0x7F800000, 0xFF800000, 1, 0x3DCCCCCD, None], pa.float32()),
        "double": floats([1 << 63, 0, 0x7FF8 << 48, 0x7FF0 << 48, 0xFFF0 << 48, 1, 0x3FB999999999999A, None], pa.float64()),
        "array": pa.array([[1, None, 3], [], None, [4], [5], [6], [7], [8]], pa.list_(pa.int32())),
        "array_array": pa.array([[[0.5], None, []], [], None, [[-0.0]], [[1]], [[2]], [[3]], [[4]]],
                                pa.list_(pa.list_(pa.float64()))),
        "struct": pa.array([{"a": i, "b": None if i == 3 else "b" * i} for i in range(7)] + [None],
                           pa.struct([("a", pa.int32()), ("b", pa.string())])),
        "array_struct": pa.array([[{"a": 1, "b": "x"}, None], [], None, [{"a": None, "b": None}], [], [], [], []],
                                 pa.list_(pa.struct([("a", pa.int16()), ("b", pa.string())]))),
        "map": pa.array([pairs, pairs[::-1], [], None, pairs[:1], [], pairs[1:3], pairs[1:]], pa.map_(pa.string(), pa.int32())),
        "map_array": pa.array([[(9, ["x", None]), (-1, [])], [], None, [(0, None)], [], [], [], []],
                              pa.map_(pa.int64(), pa.list_(pa.string()))),
        "decimal9": decimals(9, 2),
        "decimal18": decimals(18, 3),
        "decimal38": decimals(38, 10),
    }  # fmt: skip
    return columns | {name: integers(name) for name in
                      ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")}  # fmt: skip


def key_columns(kept):
    """A column of unique values for each type that Spark groups by, unordered."""
    order = RANDOM.permutation(ROWS)
    last = {
        "string": strings([b"\xfe"]), "binary": pa.array([b"\xfe"]),
        "date": pa.array([0], pa.date32()), "float": pa.array([2.5], pa.float32()), "double": pa.array([2.5]),
        "struct": pa.array([{"a": 0, "b": None}], kept["struct"].type),
        **{name: pa.array([5], kept[name].type) for name in
           ("timestamp", "timestamp_ntz", "int8", "int16", "int32", "int64")},
        **{name: pa.array([Decimal("0.99")], kept[name].type) for name in ("decimal9", "decimal18", "decimal38")},
    }  # fmt: skip
    keys = {f"key_{name}": pa.concat_arrays([kept[name].slice(0, 7), value]) for name, value in last.items()}
    # Zeros of either sign are one key, so -0.0 alone stays.
    for name, zero in (("key_float", 3.5), ("key_double", 3.5)):
        keys[name] = pa.concat_arrays([keys[name].slice(0, 1), pa.array([zero], keys[name].type), keys[name].slice(2)])
    keys["key_array"] = pa.array([[i, None, -i] for i in range(ROWS)], pa.list_(pa.int32()))
    return {name: column.take(pa.array(order)) for name, column in keys.items()}


def feature_columns():
    """The features of each modality in every form, also with tokens that masks and a length drop."""
    columns = {}
    for modality in MODALITIES:
        kept = [(RANDOM.standard_normal((RANDOM.integers(1, 5), WIDTH)) / 2).astype(np.float16) for _ in range(ROWS)]
        left_out = [np.full((RANDOM.integers(0, 3), WIDTH), np.nan, np.float16) for _ in range(ROWS)]
        masked = [np.concatenate(parts) for parts in zip(kept, left_out)]
        for name, form in FORMS.items():
            columns[f"{modality}_{name}"] = form(kept)
            columns[f"{modality}_{name}_masked"] = form(masked)
        masks = [[1] * len(one) + [0] * len(other) for one, other in zip(kept, left_out)]
        columns[f"{modality}_mask-int"] = pa.array(masks, pa.list_(pa.int32()))
        columns[f"{modality}_mask-boolean"] = pa.array(masks, pa.list_(pa.int8())).cast(pa.list_(pa.bool_()))
        columns[f"{modality}_length"] = pa.array([len(one) for one in kept], pa.int32())
    return columns


def write_model(directory):
    def random(*shape):
        return (RANDOM.standard_normal(shape) * 0.3).astype(np.float32)

    directory.mkdir()
    prefix, inner = "encoder.layers.0.", 2 * WIDTH
    shapes = {
        "self_attn.in_proj_weight": (3 * WIDTH, WIDTH), "self_attn.in_proj_bias": (3 * WIDTH,),
        "self_attn.out_proj.weight": (WIDTH, WIDTH), "self_attn.out_proj.bias": (WIDTH,),
        "linear1.weight": (inner, WIDTH), "linear1.bias": (inner,), "linear2.weight": (WIDTH, inner), "linear2.bias": (WIDTH,),
        "norm1.weight": (WIDTH,), "norm1.bias": (WIDTH,), "norm2.weight": (WIDTH,), "norm2.bias": (WIDTH,),
    }  # fmt: skip
    save_file({prefix + name: random(*shape) for name, shape in shapes.items()}, directory / "model.safetensors")
    config = {
        "model_type": "fusion_encoder", "modalities": [{"name": m, "feature_size": WIDTH} for m in MODALITIES],
        "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2, "pooling": "mean",
    }  # fmt: skip
    (directory / "config.json").write_text(json.dumps(config))


def write_table(directory, columns, **options):
    """Two files, one with dictionaries and one without."""
    directory.mkdir()
    table, half = pa.table(columns), ROWS // 2
    for file, dictionary in enumerate((True, False)):
        pq.write_table(table.slice(file * half, half), directory / f"{file}.parquet", use_dictionary=dictionary, **options)


def run(name, form, way, key, keep, selection=None, emit="pooled,tokens", table="paired"):
    """A run by its name, with what the comparison needs to know."""
    command = ["fuse", "--model", "../model", "--key", key, "--keep", ",".join(keep), "--emit", emit]
    if way in ("joined", "pairs"):
        command += [word for modality in MODALITIES for word in ("--features", f"{modality}=../{modality}")]
    else:
        command += ["--paired", f"../{table}"]
    if way == "pairs":  # of each row with itself
        command += ["--pairs", f"../{table}", *(word for modality in MODALITIES for word in ("--pair", f"{modality}={key}"))]
    if way == "shuffle":
        command += ["--partitions", "2"]
    for modality in MODALITIES:
        command += ["--column", f"{modality}={modality}_{form}{'_masked' if selection else ''}"]
        if form.startswith("binary"):
            command += ["--dtype", f"{modality}=float{form[-2:]}"]
        if selection:
            command += [f"--{selection.split('-')[0]}", f"{modality}={modality}_{selection}"]
    return {"name": name, "group": f"{key}, {emit}", "columns": [key, *keep], "command": [*command, "--output", name]}


def runs(keys, kept):
    """Every form in every way, some masked; all kept columns in every way; a join on a key of every type; old instants;
    pairs, with references of some types."""
    found = []
    for i, form in enumerate(FORMS):
        found += [run(f"{form}-{way}", form, way, "key_string", kept if i == 0 else ["row"]) for way in WAYS]
        way, selection = WAYS[i % 3], SELECTIONS[(i + i // 3) % 3]
        found.append(run(f"{form}-{selection}-{way}", form, way, "key_string", ["row"], selection))
    found += [run(key, "binary16", "joined", key, ["row"], emit="pooled") for key in keys if key != "key_string"]
    found += [run(f"pairs-{form}", form, "pairs", "key_string", ["row"]) for form in list(FORMS)[:2]]
    found.append(run("pairs-masked", list(FORMS)[0], "pairs", "key_string", kept, SELECTIONS[0]))
    found += [run(f"pairs-{key}", "binary16", "pairs", key, ["row"], emit="pooled")
              for key in ("key_int64", "key_binary", "key_timestamp", "key_struct")]  # fmt: skip
    pipeline = ["pipeline", "../model", "../paired", "pipeline"]
    found.append({"name": "pipeline", "group": "pipeline", "columns": ["key_string", "row"], "command": pipeline})
    found.append(run("int96", "flat32", "scan", "key_string", ["row", "timestamp"], table="int96"))
    return found


def make(directory):
    write_model(directory / "model")
    kept = {"row": pa.array(range(ROWS), pa.int32()), **kept_columns()}
    keys, features = key_columns(kept), feature_columns()
    columns = keys | kept | features
    write_table(directory / "paired", columns)
    int96 = {name: columns[name] for name in ("key_string", "row", "timestamp", "visual_flat32", "text_flat32")}
    write_table(directory / "int96", int96, use_deprecated_int96_timestamps=True)
    for i, modality in enumerate(MODALITIES):
        mine = {name: column for name, column in features.items() if name.startswith(modality)}
        table = pa.table(keys | dict(list(kept.items())[i::2]) | mine)
        write_table(directory / modality, table if i else table.take(pa.array(range(ROWS)[::-1])))
    todo = runs(keys, list(kept))
    (directory / "runs.json").write_text(json.dumps(todo))
    (directory / "runs.txt").write_text("".join("\t".join([each["name"], *each["command"]]) + "\n" for each in todo))


def plain(column):
    """A column's values as Python compares them exactly: floats as their bits, text as bytes, maps as lists of pairs."""
    kind = column.type
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in plain(chunk)]
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return [plain(value.values) if value.is_valid else None for value in column]
    if pa.types.is_struct(kind):
        fields = [plain(column.field(i)) for i in range(kind.num_fields)]
        return [values if value.is_valid else None for value, *values in zip(column, *fields)]
    if pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return column.view(pa.int32() if pa.types.is_float32(kind) else pa.int64()).to_pylist()
    if pa.types.is_string(kind):
        return column.view(pa.binary()).to_pylist()
    if pa.types.is_date(kind):
        return column.cast(pa.int32()).to_pylist()
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", kind.tz)).cast(pa.int64()).to_pylist()
    return column.to_pylist()


def faults(directory, version, each, paired, first):
    """What is wrong with a run, as text. `first` holds the vectors and fingerprints that all runs must give."""
    report = directory / version / f"{each['name']}.txt"
    if not report.exists():
        return ["no report"]
    # Spark writes instants as INT96, which PyArrow would read as nanoseconds.
    output = pq.read_table(directory / version / each["name"], coerce_int96_timestamp_unit="us")
    if sorted(output["row"].to_pylist()) != list(range(ROWS)):
        return [f"rows {output['row'].to_pylist()}"]
    output = output.sort_by("row")
    found = [f"column '{name}' is {plain(output[name])} instead of {plain(paired[name])}"
             for name in each["columns"] if plain(output[name]) != plain(paired[name])]  # fmt: skip
    fingerprint = [line for line in report.read_text().splitlines() if line.startswith("fingerprint ")]
    if len(fingerprint) != (each["name"] != "pipeline"):
        return ["no fingerprint"]
    same = {(each["group"], "fingerprint"): fingerprint}
    same |= {("all", name): plain(output[name]) for name in output.column_names if name.startswith("fused")}
    for (group, what), value in same.items():
        if first.setdefault((group, what), value) != value:
            found.append(f"{what} is {value} instead of {first[group, what]}")
    return found


def compare(directory, versions):
    """Prints a line per version. Each has done the runs of its own runs.txt, the first one also through the launcher."""
    known = {each["name"]: each for each in json.loads((directory / "runs.json").read_text())}
    paired, first, failed = pq.read_table(directory / "paired"), {}, 0
    for version in versions:
        names = [line.split("\t")[0] for line in (directory / version / "runs.txt").read_text().splitlines()]
        todo = [{**known[names[0]], "name": "submitted"}, *(known[name] for name in names)]
        wrong = {each["name"]: faults(directory, version, each, paired, first) for each in todo}
        for name, words in wrong.items():
            for word in words:
                print(f"  {version}, {name}: {word}"[:500], file=sys.stderr)
        count = sum(map(bool, wrong.values()))
        failed += count
        if not (directory / version / "session.txt").exists():
            failed += 1
            print(f"  {version}: a session that Braid did not start was stopped", file=sys.stderr)
        print(f"Spark {version}: {len(todo) - count} of {len(todo)} runs right", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    what, where, *others = sys.argv[1:]
    make(Path(where)) if what == "make" else compare(Path(where), others)
