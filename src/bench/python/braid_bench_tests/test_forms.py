"""Every form of a rival gives PyTorch's numbers, row by row and unpadded, in every batching and alone or in a job."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from braid_bench.catalogue import MODELS
from braid_bench.encoder import reference
from braid_bench.forms import PRECISIONS, rivals
from braid_bench.models import Text
from braid_bench.parity import largest_error
from braid_bench.pyspark_job import fused
from braid_bench.rows import feature_columns
from braid_bench.tables import FORMS, FUSED, KEY, write_table
from braid_bench.worker import Rival, fastest

CASES = [
    (label, precision, rival, form)
    for label in MODELS
    if label.startswith("small")
    for precision in (PRECISIONS if label == "small" else ["fp32"])
    for rival, forms in rivals(MODELS[label], precision).items()
    for form in forms
]


def rows(directory: Path, label: str, text: Text) -> pa.RecordBatch:
    write_table(directory / "table", MODELS[label], text, FORMS["float16"], 40)
    return pq.read_table(directory / "table").combine_chunks().to_batches()[0]


@pytest.mark.parametrize("label, precision, rival, form", CASES)
def test_means_are_those_of_unpadded_rows(tmp_path: Path, label: str, precision: str, rival: str, form: str) -> None:
    loaded = rivals(MODELS[label], precision)[rival][form]()
    cases: tuple[tuple[Text, bool], ...] = ("dense", False), ("ragged", False), ("ragged", True)
    for text, ordered in cases:
        columns = feature_columns(rows(tmp_path / f"{text} {ordered}", label, text), MODELS[label].modalities)
        means = Rival(loaded, columns, 7, ordered).means()
        expected = reference(MODELS[label], columns)
        error = largest_error(form, expected, means[: len(expected)], precision)
        assert error < 2e-6 if precision == "fp32" else error > 1e-4  # lower precisions round


def test_a_job_keeps_keys_with_their_rows(tmp_path: Path) -> None:
    batch = rows(tmp_path, "small", "ragged")
    job = fused("small", "PyTorch", "packed Linears", 7, [batch.slice(0, 23), batch.slice(23)])
    table = pa.Table.from_batches(job)
    assert table[KEY].to_pylist() == batch.column(KEY).to_pylist()
    means = table[FUSED].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    expected = reference(MODELS["small"], feature_columns(batch, MODELS["small"].modalities))
    assert largest_error("job", expected, means[: len(expected)], "fp32") < 2e-6


def test_a_trial_finds_the_form_and_the_batch_size_that_take_the_least_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        pass

    class Fast:
        pass

    monkeypatch.setattr(
        Rival, "seconds", lambda self: isinstance(self.form, Slow) + abs(len(self.batches[0][0]) - 26)
    )
    columns = feature_columns(rows(tmp_path, "small", "ragged"), MODELS["small"].modalities)
    scale = MODELS["ii"].tokens // MODELS["small"].tokens
    forms: Any = {"slow": Slow, "fast": Fast}
    assert fastest(forms, MODELS["small"], columns, True) == ("fast", 2 * scale)
