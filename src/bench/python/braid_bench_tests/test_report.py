"""The report says what the raw seconds say."""

from pathlib import Path

from braid_bench.encoder import Entry
from braid_bench.catalogue import MODELS
from braid_bench.report import Record, report, write_raw

ENVIRONMENT = {"processor": "A (avx2)", "cores": 2, "versions": {"JDK": "17"}, "date": "2026-01-02", "revision": "abc"}


def record(contender: str, order: str, seconds: list[float], flops: int = 4000, precision: str = "fp32") -> Record:
    entry = Entry(contender, precision, order, 1, "a form; batches of 8", 1e-6, seconds, seconds)
    return {"model": "ii", "text": "ragged", "rows": 100, "tokens": 8000, "flops": flops} | vars(entry)


def lines(directory: Path, start: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in report(directory).splitlines() if line.startswith(start)]


def test_the_encoder_is_next_to_the_better_rival_of_the_same_order_and_to_the_peak(tmp_path: Path) -> None:
    records = [
        record("Braid", "packed", [1.0, 2.0, 1.0]),
        record("PyTorch", "arrival", [2.0, 4.0, 3.0]),
        record("PyTorch", "sorted", [1.5, 3.0, 1.5]),
        record("ONNX Runtime", "arrival", [4.0, 4.0, 4.0]),
        record("oneDNN matmul", "packed", [0.8, 0.8, 0.8], flops=3600),
    ]
    write_raw(tmp_path / "encoder.json", ENVIRONMENT, records)
    arrival, by_length = lines(tmp_path, "| (ii)")
    assert arrival == [
        "(ii)", "ragged, as they come", "fp32", "1", "100 (50–100)", "33.3 (25.0–50.0)", "25.0 (25.0–25.0)",
        "2.00 (2.00–3.00)", "0.89 (0.44–0.89)",
    ]  # fmt: skip
    assert by_length[5:8] == ["66.7 (33.3–66.7)", "", "1.50 (1.50–1.50)"]
    assert "A contender had a core for 100 %" in report(tmp_path)
    assert "A (avx2), 2 cores; JDK 17; 2026-01-02; revision abc." in report(tmp_path)


def test_a_busy_machine_is_named(tmp_path: Path) -> None:
    braid = record("Braid", "packed", [1.0]) | {"processor_seconds": [0.5]}
    write_raw(tmp_path / "encoder.json", ENVIRONMENT, [braid])
    assert "Other programs ran" in report(tmp_path)


def test_jobs_and_ends_have_tables_of_their_own(tmp_path: Path) -> None:
    job = {"model": "ii", "text": "dense", "form": "flat", "slots": 2, "rows": 1000, "largest_error": 2e-6}
    braid = job | {"contender": "Braid", "variant": "", "seconds": [4.0]}
    rival = job | {"contender": "PySpark with PyTorch", "variant": "a form; batches of 8", "seconds": [5.0]}
    write_raw(tmp_path / "jobs.json", ENVIRONMENT, [braid, rival])
    end = {"end": "read", "form": "flat", "rows": 1000, "numbers": 9, "braid_seconds": [2.0, 4.0], "pyarrow_seconds": [1.0, 1.0]}
    write_raw(tmp_path / "ends.json", ENVIRONMENT, [end])
    assert lines(tmp_path, "| (ii)")[0][5:] == ["250 (one run)", "200 (one run)", "1.25 (one run)"]
    assert lines(tmp_path, "| read")[0][3:] == ["3,000 (2,000–4,000)", "1,000 (1,000–1,000)", "3.00 (2.00–4.00)"]
    assert MODELS["ii"].tokens == 81
