"""The report says what the raw seconds say."""

from pathlib import Path

import numpy as np
import pytest

from braid_bench.catalogue import MODELS
from braid_bench.encoder import Contender
from braid_bench.products import products
from braid_bench.report import Record, report, write_raw


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("braid_bench.report.environment", lambda: "A (avx2), 2 cores; revision abc.")


def record(name: str, order: str, seconds: list[float], flops: int = 4000, precision: str = "fp32") -> Record:
    contender = Contender(name, precision, order, 1, flops, "a form; batches of 8", 1e-6, seconds, seconds)
    return {"model": "ii", "text": "ragged", "rows": 100, "tokens": 8000} | vars(contender)


def lines(directory: Path, start: str) -> list[list[str]]:
    return [line[2:-2].split(" | ") for line in report(directory).splitlines() if line.startswith(start)]


def test_the_encoder_is_next_to_the_better_rival_of_the_same_order_and_to_the_peak(tmp_path: Path) -> None:
    records = [
        record("Braid", "packed", [1.0, 2.0, 1.0]),
        record("Braid", "packed", [0.5, 0.5, 0.5], precision="int8"),
        record("PyTorch", "arrival", [2.0, 4.0, 3.0]),
        record("PyTorch", "sorted", [1.5, 3.0, 1.5]),
        record("ONNX Runtime", "arrival", [4.0, 4.0, 4.0]),
        record("oneDNN matmul", "packed", [0.8, 0.8, 0.8], flops=3600),
    ]
    write_raw(tmp_path / "encoder.json", records)
    arrival, by_length, int8 = lines(tmp_path, "| (ii)")
    assert arrival == [
        "(ii)", "ragged, as they come", "fp32", "1", "100 (50–100)", "33.3 (25.0–50.0)", "25.0 (25.0–25.0)",
        "2.00 (2.00–3.00)", "0.89 (0.44–0.89)",
    ]  # fmt: skip
    assert by_length[5:8] == ["66.7 (33.3–66.7)", "", "1.50 (1.50–1.50)"]
    assert int8[1:] == ["ragged", "int8", "1", "200 (200–200)", "", "", "no rival", ""]
    assert "A contender had a core for 100 %" in report(tmp_path)
    assert "A (avx2), 2 cores; revision abc." in report(tmp_path)
    assert (
        "- (ii): hidden size 256, 8 heads, 2 layers, feed-forward 1024, relu; 49 visual tokens of 2048,"
        " 32 (4 to 64 in ragged rows) text tokens of 768\n"
    ) in report(tmp_path)


def test_a_busy_machine_is_named(tmp_path: Path) -> None:
    write_raw(tmp_path / "encoder.json", [record("Braid", "packed", [1.0]) | {"processor_seconds": [0.5]}])
    assert "Other programs ran" in report(tmp_path)


def test_jobs_and_ends_have_tables_of_their_own(tmp_path: Path) -> None:
    job = {"model": "ii", "text": "dense", "form": "flat", "slots": 2, "rows": 1000, "largest_error": 2e-6}
    braid = job | {"name": "Braid", "variant": "", "seconds": [4.0]}
    rival = job | {"name": "PySpark with PyTorch", "variant": "a form; batches of 8", "seconds": [5.0]}
    write_raw(tmp_path / "jobs.json", [braid, rival])
    end = {"end": "read", "form": "flat", "rows": 1000, "braid_seconds": [2.0, 4.0], "pyarrow_seconds": [1.0, 1.0]}
    write_raw(tmp_path / "ends.json", [end])
    assert lines(tmp_path, "| (ii)")[0][1:4] == ["flat", "1,000 dense", "2"]
    assert lines(tmp_path, "| (ii)")[0][6:] == ["250 (one run)", "200 (one run)", "1.25 (one run)"]
    assert lines(tmp_path, "| read")[0][3:] == ["3,000 (2,000–4,000)", "1,000 (1,000–1,000)", "3.00 (2.00–4.00)"]


def test_products_are_those_of_all_real_tokens() -> None:
    counted = products(MODELS["small"], [np.array([2, 2, 2]), np.array([1, 5, 5])])
    assert counted.linears == {(32, 32): 6 + 17, (16, 32): 11, (32, 96): 17, (32, 64): 17, (64, 32): 17}
    assert counted.attention_flops == 4 * 32 * (3**2 + 7**2 + 7**2)
