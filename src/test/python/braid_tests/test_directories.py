"""An export's files appear together or not at all, and hold rows of several lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from hugging_face import vilt
from modules import HIDDEN, TEXT, VISUAL, Seed, pair, randomised, sample
from safetensors.torch import load_file
from torch import Tensor, nn

import braid
from braid import exporter
from braid.golden import read_rows
from braid.lengths import of_several_lengths

FILES = {"config.json", "model.safetensors", "golden.safetensors", "pairs.parquet"}


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("failing", ["save", "example_table"])
def test_a_failed_export_leaves_nothing(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(exporter, failing, full)
    with pytest.raises(OSError, match="No space left"):
        braid.export(randomised(Seed()), tmp_path / "model", pair())
    assert names(tmp_path) == set()


@pytest.mark.parametrize("failing", ["save", "example_table"])
def test_a_failed_export_leaves_the_directory_that_is_there(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = randomised(Seed())
    braid.export(module, tmp_path / "model", pair())
    (tmp_path / "model" / "notes.txt").write_text("mine")
    before = contents(tmp_path / "model")

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(exporter, failing, full)
    with pytest.raises(OSError, match="No space left"):
        braid.export(module, tmp_path / "model", sample(seed=8, visual=VISUAL, text=TEXT))
    assert contents(tmp_path / "model") == before
    assert names(tmp_path) == {"model"}


def test_a_directory_that_cannot_take_its_place_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = randomised(Seed())
    braid.export(module, tmp_path / "model", pair())
    before = contents(tmp_path / "model")
    rename = Path.rename

    def refusing(self: Path, target: Any) -> Path:
        if ".new-" in self.name:
            raise PermissionError("not permitted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(PermissionError):
        braid.export(module, tmp_path / "model", sample(seed=8, visual=VISUAL, text=TEXT))
    assert contents(tmp_path / "model") == before
    assert names(tmp_path) == {"model"}


def test_a_new_model_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "er" / "model"
    directory.mkdir(parents=True)
    directory.chmod(0o750)
    for name in ("model-00001-of-00002.safetensors", "model.safetensors.index.json", "adapter_config.json", "notes.txt"):
        (directory / name).write_text("old")
    (directory / "runs").mkdir()
    (directory / "runs" / "log").write_text("kept")
    braid.export(randomised(Seed()), directory, pair())
    assert names(directory) == {*FILES, "notes.txt", "runs"}
    assert (directory / "runs" / "log").read_text() == "kept"
    assert directory.stat().st_mode & 0o777 == 0o750
    assert names(directory.parent) == {"model"}


def test_a_link_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "model").symlink_to("v1")
    monkeypatch.chdir(tmp_path)
    braid.export(randomised(Seed()), "model", pair())
    assert (tmp_path / "model").is_symlink() and names(tmp_path / "v1") == FILES


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    with pytest.raises(FileExistsError, match="expected a directory or nothing there, got a file"):
        braid.export(randomised(Seed()), tmp_path / "model", pair())
    assert (tmp_path / "model").read_text() == "a file"


def test_hugging_face_models_appear_whole_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(exporter, "example_table", full)
        with pytest.raises(OSError, match="No space left"):
            braid.export(vilt("ViltModel"), tmp_path / "model", sample(visual=HIDDEN, text=HIDDEN))
    assert names(tmp_path) == set()
    braid.export(torch.compile(vilt("ViltModel")), tmp_path / "model", sample(visual=HIDDEN, text=HIDDEN))
    assert names(tmp_path / "model") >= FILES


def alike(rows: int, visual: int = 6, text: int = 9) -> dict[str, list[Tensor]]:
    torch.manual_seed(5)
    return {
        "visual": [torch.randn(visual, VISUAL) for _ in range(rows)],
        "text": [torch.randn(text, TEXT) for _ in range(rows)],
    }


@pytest.mark.parametrize(
    ("given", "visual", "text"),
    [
        (alike(3), [6, 3, 6], [9, 3, 9]),
        (alike(1), [6, 3], [9, 3]),
        (alike(2, visual=1), [1, 1], [9, 4]),
        (alike(2, visual=2, text=2), [2, 1], [2, 1]),
        (alike(2, visual=1, text=1), [1, 1], [1, 1]),
        (pair(), [3, 1, 5, 2], [4, 1, 5, 4]),
    ],
)
def test_rows_of_one_length_are_cut(
    given: dict[str, list[Tensor]], visual: list[int], text: list[int], tmp_path: Path
) -> None:
    rows = of_several_lengths(read_rows(given))
    assert [len(row["visual"]) for row in rows] == visual
    assert [len(row["text"]) for row in rows] == text
    for i, row in enumerate(rows):
        for name, x in row.items():
            assert torch.equal(x, given[name][i % len(given[name])][: len(x)])


def test_the_golden_rows_and_the_table_are_those_that_were_cut(tmp_path: Path) -> None:
    braid.export(randomised(Seed()), tmp_path / "model", alike(1))
    golden = load_file(tmp_path / "model" / "golden.safetensors")
    assert golden["visual.lengths"].tolist() == [6, 3] and golden["text.lengths"].tolist() == [9, 3]
    assert len(golden["fused"]) == 6 + 9 + 3 + 3
    table = pq.read_table(tmp_path / "model" / "pairs.parquet").to_pylist()
    assert [(len(row["visual"]), len(row["text"])) for row in table] == [(6, 9), (3, 3)]


class OneLength(Seed):
    """Adds a row at each of exactly six positions of the visual tokens, so that other lengths cannot run."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, 6, HIDDEN))
        self.texts = nn.Parameter(torch.zeros(1, 9, HIDDEN))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        parts = [self.visual_extractor(visual) + self.positions, self.textual_extractor(text) + self.texts]
        return self.transformer_encoder(torch.cat(parts, 1))


def test_a_module_of_one_length_is_exported_with_a_warning(tmp_path: Path) -> None:
    module: Any = randomised(OneLength())
    positions = {"visual": module.positions, "text": module.texts}
    with pytest.warns(UserWarning, match="Cannot prove the export on rows of several lengths"):
        braid.export(module, tmp_path / "model", alike(2), position_embeddings=positions)
    assert load_file(tmp_path / "model" / "golden.safetensors")["visual.lengths"].tolist() == [6, 6]
    assert json.loads((tmp_path / "model" / "config.json").read_text())["position_embeddings"] is True


def test_what_is_wrong_with_the_sample_itself_is_said_of_it(tmp_path: Path) -> None:
    module: Any = randomised(OneLength())
    with pytest.raises(braid.ExportError, match="tokens that are"):
        braid.export(module, tmp_path / "model", alike(2))
    assert names(tmp_path) == set()
