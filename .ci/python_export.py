"""python_export.py export MODELS, then compare MODELS FUSED: exports a model of each kind, then compares Braid's tables with PyTorch's outputs."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file

import braid
from braid.golden import error

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src" / "test" / "python" / "braid_tests"))
from hugging_face import MODELS  # noqa: E402
from modules import MODULES, randomised  # noqa: E402
from modules_of_inputs import MODULES_OF_INPUTS  # noqa: E402
from modules_of_streams import MODULES_OF_STREAMS  # noqa: E402
from modules_of_today import MODULES_OF_TODAY  # noqa: E402

ALL_MODULES = {**MODULES, **MODULES_OF_TODAY, **MODULES_OF_STREAMS, **MODULES_OF_INPUTS}

#: Starting a JVM for each takes seconds; the tests verify all others in one JVM.
OWN = ("seed-own-layers", "embeddings", "eurobert", "two-streams", "normed-words")
HUGGING_FACE = ("flava-pretraining",)

#: Largest error that parity allows, relative to the root mean square of a vector.
TOLERANCE = 2e-5


def export(models: Path) -> None:
    for name in OWN:
        build, sample, parts = ALL_MODULES[name]
        module = randomised(build())
        braid.export(module, models / name, sample(), **parts(module))
    for name in HUGGING_FACE:
        model, sample = MODELS[name]
        braid.export(model(), models / name, sample())


def compare(models: Path, fused: Path) -> None:
    directories = sorted(path for path in models.iterdir() if path.is_dir())
    if len(directories) != len(OWN) + len(HUGGING_FACE):
        sys.exit(f"expected {len(OWN) + len(HUGGING_FACE)} models in {models}, got {len(directories)}")
    failed = False
    for directory in directories:
        golden = load_file(directory / "golden.safetensors")
        rows = sorted(pq.read_table(fused / directory.name).to_pylist(), key=lambda row: row["id"])
        tokens = error(torch.tensor([token for row in rows for token in row["fused_tokens"]]), golden["fused"])
        pooled = error(torch.tensor([row["fused"] for row in rows]), golden["pooled"])
        print(f"{directory.name:20} {len(rows)} rows, largest error of tokens {tokens:.1e}, pooled {pooled:.1e}")
        failed |= not max(tokens, pooled) <= TOLERANCE
    if failed:
        sys.exit(f"expected errors within {TOLERANCE}, got the above")


if __name__ == "__main__":
    {"export": export, "compare": compare}[sys.argv[1]](*map(Path, sys.argv[2:]))
