"""Every way of running the encoder gives PyTorch's numbers, row by row and unpadded."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from braid_bench.arrays import Floats
from braid_bench.choice import Choice
from braid_bench.encoders import ENCODERS
from braid_bench.model import read_model, write_model
from braid_bench.rows import feature_columns
from braid_bench.shape import SMALL, TEXTS, Text
from braid_bench.tables import FORMS, FUSED, KEY, write_table
from braid_bench.worker import Fuser


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("model")
    write_model(directory, SMALL)
    return directory


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_means_are_those_of_unpadded_rows(model: Path, tmp_path: Path, encoder: str, text: Text) -> None:
    write_table(tmp_path / "table", SMALL, text, FORMS["float16"], 40)
    batches = pq.read_table(tmp_path / "table").to_batches(max_chunksize=23)
    fused = pa.Table.from_batches(Fuser(model, SMALL, Choice(encoder, 7))(iter(batches)))
    assert fused[KEY].to_pylist() == [key for batch in batches for key in batch.column(KEY).to_pylist()]
    means = fused[FUSED].combine_chunks().flatten().to_numpy().reshape(len(fused), -1)
    np.testing.assert_allclose(means, np.concatenate([unpadded(model, batch) for batch in batches]), rtol=0, atol=2e-6)


@torch.inference_mode()
def unpadded(model: Path, batch: pa.RecordBatch) -> Floats:
    module = read_model(model, SMALL)
    columns = feature_columns(batch, SMALL.modalities)
    rows = [[column.padded(np.array([row])) for column in columns] for row in range(len(batch))]
    return torch.cat([module(features, None).mean(dim=1) for features in rows]).numpy()
