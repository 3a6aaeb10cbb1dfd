"""The models and tables of faults.py: good rows, and broken ones of each of REASONS."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

WIDTHS = {"visual": 32, "text": 16, "audio": 8}
ROWS, GROUPS, TOKENS = 1500, 15, 20
SPARSE, DENSE = 0, 1
HUGE = 3e38


def write_model(directory, layers, hidden, widths=WIDTHS, heads=4):
    generator = np.random.default_rng(11)

    def number(*shape):
        return (generator.standard_normal(shape) * 0.05).astype(np.float32)

    tensors = {}
    for modality, width in widths.items():
        name = {"text": "textual"}.get(modality, modality) + "_extractor.model_net"
        tensors |= {f"{name}.weight": number(hidden, width), f"{name}.bias": number(hidden)}
    for layer in range(layers):
        prefix, inner = f"encoder.layers.{layer}.", 4 * hidden
        shapes = {
            "self_attn.in_proj_weight": (3 * hidden, hidden), "self_attn.in_proj_bias": (3 * hidden,),
            "self_attn.out_proj.weight": (hidden, hidden), "self_attn.out_proj.bias": (hidden,),
            "linear1.weight": (inner, hidden), "linear1.bias": (inner,), "linear2.weight": (hidden, inner),
            "linear2.bias": (hidden,), "norm1.weight": (hidden,), "norm1.bias": (hidden,), "norm2.weight": (hidden,),
            "norm2.bias": (hidden,),
        }  # fmt: skip
        tensors |= {prefix + name: number(*shape) for name, shape in shapes.items()}
    directory.mkdir()
    save_file(tensors, directory / "model.safetensors")
    config = {
        "model_type": "fusion_encoder", "modalities": [{"name": m, "feature_size": w} for m, w in widths.items()],
        "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads, "pooling": "cls",
    }  # fmt: skip
    (directory / "config.json").write_text(json.dumps(config))


def rows(count):
    """A dictionary per row: nested, masked features; bytes; a vector of Spark ML."""
    generator = np.random.default_rng(7)
    found = []
    for key in range(count):
        tokens = int(generator.integers(TOKENS // 2, TOKENS))
        visual = generator.standard_normal((tokens, WIDTHS["visual"])).astype(np.float32)
        text = generator.standard_normal((4, WIDTHS["text"])).astype(np.float32)
        audio = generator.standard_normal(WIDTHS["audio"]).tolist()
        found.append({
            "key": key, "visual": visual.tolist(), "mask": [1] * (tokens - 1) + [0], "text": text.tobytes(),
            "audio": {"type": DENSE, "size": None, "indices": None, "values": audio},
        })  # fmt: skip
    return found


VECTOR = pa.struct([("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())),
                    ("values", pa.list_(pa.float64()))])  # fmt: skip
SCHEMA = {
    "key": pa.int64(), "visual": pa.list_(pa.list_(pa.float32())), "mask": pa.list_(pa.int32()), "text": pa.binary(), "audio": VECTOR,
}  # fmt: skip
TABLES = {"visual": ("key", "visual", "mask"), "text": ("key", "text"), "audio": ("key", "audio")}


def write_table(directory, columns, found, files=1, groups=GROUPS, **options):
    directory.mkdir(parents=True)
    table = pa.Table.from_pylist(found, pa.schema([(name, SCHEMA[name]) for name in columns]))
    size = -(-len(found) // files)
    for file in range(files):
        part = table.slice(file * size, size)
        pq.write_table(part, directory / f"{file}.parquet", row_group_size=max(1, part.num_rows * files // groups), **options)


def joined(directory, found):
    """A table per modality; 'without' in a row names modalities that it lacks."""
    for modality, columns in TABLES.items():
        write_table(directory / modality, columns, [row for row in found if modality not in row.get("without", ())], 3)
    return [word for m in TABLES for word in ("--features", f"{m}={directory / m}")]


def broken(good):
    """Broken rows, and what the quarantine must hold for each: key, modality (or None) and reason."""
    expected = []
    added = []

    def add(reason, modality, times=1, **change):
        key = len(good) + len(added)
        row = {**good[len(added)], "key": key, **change}
        added.append(row)
        expected.extend([(row["key"], modality, reason)] * times)

    visual, bad = good[0]["visual"], float("nan")
    width = WIDTHS["visual"]
    for modality in WIDTHS:
        add("null_key", modality, key=None, without=tuple(other for other in WIDTHS if other != modality))
    for _ in range(2):  # a pair with one key
        add("duplicate_key", None, key=1_000_000)
    add("missing_modality", "text", without=("text",))
    add("missing_modality", "text, audio", without=("text", "audio"))
    add("null_sequence", "visual", visual=None)
    add("null_sequence", "audio", audio=None)
    add("empty_sequence", "visual", visual=[], mask=[])
    add("empty_sequence", "text", text=b"")
    add("wrong_width", "visual", visual=[visual[0][:-1]] + visual[1:], mask=[1] * len(visual))
    add("wrong_width", "text", text=b"12345")
    add("sparse_vector", "audio", audio={"type": SPARSE, "size": 8, "indices": [1], "values": [0.5]})
    add("null_element", "visual", visual=[visual[0], None, *visual[2:]], mask=[1] * len(visual))
    add("null_element", "visual", visual=[[None, *visual[0][1:]], *visual[1:]], mask=[1] * len(visual))
    add("non_finite_value", "visual", visual=[[bad, *visual[0][1:]], *visual[1:]], mask=[1] * len(visual))
    add("non_finite_value", "text", text=np.full(WIDTHS["text"], np.inf, np.float32).tobytes())
    add("non_finite_value", "audio", audio={**good[0]["audio"], "values": [1e300] * WIDTHS["audio"]})
    add("non_finite_result", None, visual=[[HUGE] * width] * 3, mask=[1] * 3)
    add("unfit_mask", "visual", mask=[1])
    add("unfit_mask", "visual", mask=[2] * len(good[len(added)]["visual"]))
    add("unfit_mask", "visual", mask=None)
    add("empty_mask", "visual", mask=[0] * len(good[len(added)]["visual"]))
    add("pooled_token_dropped", "visual", mask=[0] + [1] * (len(good[len(added)]["visual"]) - 1))
    add("too_long", None, visual=visual * 200, mask=[1] * 200 * len(visual))
    add("foreign_bytes", "text", text=b"\x93NUMPY\x01\x00" + b" " * 56)
    add("foreign_bytes", "text", text=b"PK\x03\x04" + b"\x00" * 60)
    return added, expected


REASONS = {
    "null_key", "duplicate_key", "missing_modality", "null_sequence", "empty_sequence", "wrong_width", "sparse_vector", "null_element",
    "non_finite_value", "non_finite_result", "unfit_mask", "empty_mask", "pooled_token_dropped", "too_long", "foreign_bytes",
}  # fmt: skip
