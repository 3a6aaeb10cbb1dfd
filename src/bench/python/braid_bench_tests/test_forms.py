"""Every form of a rival gives PyTorch's numbers, row by row and unpadded, in every batching and alone or in a job."""

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from braid_bench.encoder import reference
from braid_bench.forms import DTYPES, MODULE_RIVALS, RIVALS, Form
from braid_bench.catalogue import MODELS
from braid_bench.models import TEXTS, Text
from braid_bench.parity import TOLERANCES, largest_error
from braid_bench.pyspark_job import Fuser
from braid_bench.rows import feature_columns
from braid_bench.tables import FORMS, FUSED, KEY, write_table
from braid_bench.worker import Rival, fastest, first_rows

SMALL = MODELS["small"]


@pytest.fixture(params=TEXTS)
def batch(tmp_path: Path, request: pytest.FixtureRequest) -> pa.RecordBatch:
    text: Text = request.param
    write_table(tmp_path / "table", SMALL, text, FORMS["float16"], 40)
    return pq.read_table(tmp_path / "table").combine_chunks().to_batches()[0]


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("rival, form", [(rival, form) for rival in RIVALS for form in RIVALS[rival]])
def test_means_are_those_of_unpadded_rows(batch: pa.RecordBatch, rival: str, form: str, ordered: bool) -> None:
    columns = feature_columns(batch, SMALL.modalities)
    means = Rival(RIVALS[rival][form](SMALL, torch.float32), columns, 7, ordered).means()
    expected = reference(SMALL, columns)
    assert largest_error(form, expected, means[: len(expected)], "fp32") < 2e-6


@pytest.mark.parametrize("label", ["small two-streams", "small lxmert"])
@pytest.mark.parametrize("form", MODULE_RIVALS["PyTorch"])
def test_means_of_other_models_are_those_of_unpadded_rows(tmp_path: Path, label: str, form: str) -> None:
    model = MODELS[label]
    write_table(tmp_path / "table", model, "ragged", FORMS["flat"], 40)
    (batch,) = pq.read_table(tmp_path / "table").combine_chunks().to_batches()
    columns = feature_columns(batch, model.modalities)
    means = Rival(MODULE_RIVALS["PyTorch"][form](model, torch.float32), columns, 7, True).means()
    expected = reference(model, columns)
    assert largest_error(form, expected, means[: len(expected)], "fp32") < 2e-6


@pytest.mark.parametrize("form", ["nn.TransformerEncoder", "nn.TransformerEncoder, layer by layer"])
def test_bfloat16_rounds_and_no_more(batch: pa.RecordBatch, form: str) -> None:
    columns = feature_columns(batch, SMALL.modalities)
    means = Rival(RIVALS["PyTorch"][form](SMALL, DTYPES["bf16"]), columns, 7, False).means()
    expected = reference(SMALL, columns)
    assert 1e-4 < largest_error(form, expected, means[: len(expected)], "bf16") < TOLERANCES["bf16"]


def test_a_job_keeps_keys_with_their_rows(batch: pa.RecordBatch) -> None:
    job = Fuser("small", "PyTorch", "Linears on oneDNN", 7)
    fused = pa.Table.from_batches(job(iter([batch.slice(0, 23), batch.slice(23)])))
    assert fused[KEY].to_pylist() == batch.column(KEY).to_pylist()
    means = fused[FUSED].combine_chunks().flatten().to_numpy().reshape(len(fused), -1)
    expected = reference(SMALL, feature_columns(batch, SMALL.modalities))
    assert largest_error("job", expected, means[: len(expected)], "fp32") < 2e-6


def test_a_trial_finds_the_form_and_the_batch_size_that_take_the_least_time(
    batch: pa.RecordBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = feature_columns(batch, SMALL.modalities)
    best = RIVALS["PyTorch"]["Linears on oneDNN"]
    monkeypatch.setitem(RIVALS, "PyTorch", {"slow": best, "slower": best, "slowest": best, "fast": best})
    ranks: dict[Form, str] = {}

    def named(name: str) -> Form:
        form = best(SMALL, torch.float32)
        ranks[form] = name
        return form

    for name in RIVALS["PyTorch"]:
        monkeypatch.setitem(RIVALS["PyTorch"], name, partial(lambda name, *_: named(name), name))

    def seconds(rival: Rival) -> float:
        size = len(rival.batches[0][0])
        return ["fast", "slow", "slower", "slowest"].index(ranks[rival.form]) + abs(size - 26)

    monkeypatch.setattr(Rival, "seconds", seconds)
    scale = MODELS["ii"].tokens // SMALL.tokens
    assert fastest("PyTorch", SMALL, columns, "fp32", True) == ("fast", 2 * scale)
    assert first_rows(columns, 3)[0].lengths.tolist() == columns[0].lengths[:3].tolist()
