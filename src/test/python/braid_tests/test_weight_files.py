"""Weights as training tools leave them: read as they are, or after the command of the message, or refused loudly.

A shell takes the command of each message apart, and its Python code runs in this process: importing torch takes seconds.
Braid's commands run in the JVM of the tests' Spark session.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from modules import Seed, pair, randomised
from safetensors.torch import load_file, save_file, save_model
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

import braid

pytestmark = pytest.mark.usefixtures("spark")

WEIGHTS = "model.safetensors"

#: Writes some weights of a module into a directory.
Writer = Callable[[Any, Path], object]


def prepared(directory: Path, write: Writer, module: nn.Module | None = None) -> Path:
    """The directory that an export writes, with other files in the place of its weights."""
    module = randomised(Seed()) if module is None else module
    braid.export(module, directory, pair())
    (directory / WEIGHTS).unlink()
    write(module, directory)
    return directory


#: Prints the words of a command that a shell has taken apart.
WORDS = "import json, sys; print(json.dumps(sys.argv[1:]))"


def run_command(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the command of the message about a directory that has to be converted."""
    with pytest.raises(braid.BraidError) as refusal:
        braid.inspect(str(directory))
    found = re.search(r" with (python -c .*)$", str(refusal.value), re.MULTILINE)
    assert found, refusal.value
    shell = f"python() {{ '{sys.executable}' -S -c '{WORDS}' \"$@\"; }}; {found.group(1)}"
    printed = subprocess.run(["bash", "-c", shell], cwd=directory, capture_output=True, text=True, check=True).stdout
    monkeypatch.chdir(directory)
    for words in map(json.loads, printed.splitlines()):
        assert words[0] == "-c"
        monkeypatch.setattr(sys, "argv", ["-c", *words[2:]])
        exec(words[1], {})


def saved(name: str, make: Callable[[dict[str, Tensor]], Any], **options: Any) -> Writer:
    return lambda module, directory: torch.save(make(module.state_dict()), directory / name, **options)


def optimizer_state(state: dict[str, Tensor]) -> dict[str, Any]:
    moments = {i: {"step": torch.tensor(3.0), "exp_avg": torch.randn(4)} for i in range(99)}
    return {"state": moments, "param_groups": [{"lr": 0.1, "params": list(moments)}]}


def lightning(state: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5), "best_k": {"a": torch.ones(1)}}},
        "hyper_parameters": {"lr": 0.1, "class_weights": torch.ones(3)},
        "optimizer_states": [optimizer_state(state)],
        "state_dict": state,
    }


def deepspeed(state: dict[str, Tensor]) -> dict[str, Any]:
    shapes = [{name: tensor.shape for name, tensor in state.items()}]
    return {"module": state, "buffer_names": [], "optimizer": None, "param_shapes": shapes, "dp_world_size": 1}


def in_shards(suffix: str, write: Callable[[dict[str, Tensor], Path], object]) -> Writer:
    def shards(module: nn.Module, directory: Path) -> None:
        tensors = list(module.state_dict().items())
        for i, part in enumerate((tensors[:5], tensors[5:])):
            write(dict(part), directory / f"pytorch_model-0000{i + 1}-of-00002.{suffix}")

    return shards


def in_parts(module: nn.Module, directory: Path) -> None:
    for part in ("visual_extractor", "textual_extractor", "transformer_encoder"):
        tensors = {name: tensor for name, tensor in module.state_dict().items() if name.startswith(part)}
        torch.save(tensors, directory / f"{part}.pt")


def compiled(module: nn.Module) -> dict[str, Tensor]:
    wrapped: dict[str, Tensor] = torch.compile(module).state_dict()  # type: ignore[attr-defined]
    return wrapped


def with_optimizer(state: dict[str, Tensor]) -> dict[str, Any]:
    optimizer = {"state": {name: {"exp_avg": torch.zeros_like(x)} for name, x in state.items()}}
    return {"model": state, "optim": optimizer}


def distributed(make: Callable[[dict[str, Tensor]], dict[str, Any]]) -> Writer:
    return lambda module, directory: dcp.save(make(module.state_dict()), checkpoint_id=directory, no_dist=True)


CONVERTED: dict[str, Writer] = {
    "flat": saved("pytorch_model.bin", lambda state: state),
    "lightning": saved("epoch=3-step=40.ckpt", lightning),
    "model_state_dict": saved(
        "checkpoint.pth",
        lambda state: {
            "optimizer_state_dict": optimizer_state(state),
            "best_loss": torch.tensor(0.1),
            "rng_state": torch.get_rng_state(),
            "model_state_dict": state,
        },
    ),
    "model": saved("best.pth.tar", lambda state: {"epoch": 1, "model": state}),
    "deeper": saved("last.pt", lambda state: {"checkpoint": {"net": state, "step": 4}}),
    "deepspeed": saved("mp_rank_00_model_states.pt", deepspeed),
    "legacy-format": saved("a b's.pt", lambda state: state, _use_new_zipfile_serialization=False),
    "parameters": lambda module, directory: torch.save(dict(module.named_parameters()), directory / "model.pkl"),
    "not-contiguous": saved("m.pt", lambda state: {k: x.t().contiguous().t() for k, x in state.items()}),
    "compiled": lambda module, directory: torch.save({"model": compiled(module)}, directory / "m.pt"),
    "data-parallel": lambda module, directory: torch.save(nn.DataParallel(module).state_dict(), directory / "m.pt"),
    "beside-a-trainers-files": lambda module, directory: [
        torch.save(optimizer_state({}), directory / "optimizer.pt"),
        torch.save(torch.get_rng_state(), directory / "rng_state.pth"),
        torch.save(module.state_dict(), directory / "pytorch_model.bin"),
    ],
    "shards": in_shards("bin", torch.save),
    "safetensors-shards-without-index": in_shards("safetensors", save_file),
    "parts": in_parts,
    "distributed": distributed(with_optimizer),
    "distributed-flat": distributed(lambda state: state),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_the_command_of_the_message_converts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = prepared(tmp_path / "model", CONVERTED[name])
    run_command(directory, monkeypatch)
    written = {re.sub(r"^(module|_orig_mod)\.", "", name): x for name, x in load_file(directory / WEIGHTS).items()}
    expected = randomised(Seed()).state_dict()
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[name], x) for name, x in expected.items())
    assert "largest error" in braid.verify(str(directory))


class Twice(Seed):
    """One layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer_encoder.layers[1] = self.transformer_encoder.layers[0]


REFUSED: dict[str, tuple[Writer, str]] = {
    "averages-too": (
        saved("m.pt", lambda state: {"model": state, "ema": {name: x + 1 for name, x in state.items()}}),
        r"m.pt: expected one state dict, got those under the keys \[\['model'\], \['ema'\]\]",
    ),
    "a-dictionary-per-part": (
        saved("m.pt", lambda state: {"encoder": state, "projection": {"weight": torch.ones(2, 2)}}),
        r"got those under the keys \[\['encoder'\], \['projection'\]\]",
    ),
    "no-tensors": (saved("m.pt", lambda state: {"epoch": 1, "optimizer": optimizer_state(state)}), r"keys \[\]"),
    "alternatives": (
        lambda module, directory: [torch.save(module.state_dict(), directory / f"{name}.pt") for name in "ab"],
        "expected other tensors in each file, got some of one name; give one file",
    ),
    "alternative-safetensors": (
        lambda module, directory: [save_file(module.state_dict(), directory / f"{n}.safetensors") for n in "ab"],
        "expected other tensors in each file, got some of one name; give one file",
    ),
    "zero-3": (
        saved("mp_rank_00_model_states.pt", lambda state: deepspeed({name: torch.empty(0) for name in state})),
        "expected whole tensors, got some without elements, as of DeepSpeed ZeRO-3; use zero_to_fp32.py",
    ),
    "a-pickled-module": (lambda module, directory: torch.save(module, directory / "m.pt"), "Weights only load failed"),
    "arguments": (
        saved("m.pt", lambda state: {"model": state, "args": argparse.Namespace(lr=1)}),
        "Weights only load failed",
    ),
    "torchscript": (
        lambda module, directory: torch.jit.save(torch.jit.script(nn.Linear(2, 2)), directory / "m.pt"),
        "TorchScript",
    ),
    "a-list": (saved("m.pt", lambda state: [state]), "'list' object has no attribute"),
    "no-checkpoint": (lambda module, directory: (directory / "m.pt").write_bytes(b"no pickle"), "load"),
    "half-a-distributed-checkpoint": (lambda module, directory: (directory / "__0_0.distcp").touch(), "metadata"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_fails_loudly(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, message = REFUSED[name]
    directory = prepared(tmp_path / "model", write)
    with pytest.raises(BaseException, match=message):  # SystemExit, and what torch.distributed raises
        run_command(directory, monkeypatch)
    assert not (directory / WEIGHTS).exists()


def as_gamma_and_beta(state: dict[str, Tensor]) -> dict[str, Tensor]:
    spelled = {"weight": "gamma", "bias": "beta"}
    return {re.sub(r"(?<=norm\d\.)\w+", lambda m: spelled[m.group()], name): x for name, x in state.items()}


def layer_by_layer(module: Any) -> dict[str, Tensor]:
    for i, layer in enumerate(module.transformer_encoder.layers):
        module.transformer_encoder.layers[i] = torch.compile(layer)
    state: dict[str, Tensor] = module.state_dict()
    return state


def by_save_file(name: str, make: Callable[[nn.Module], dict[str, Tensor]]) -> Writer:
    return lambda module, directory: save_file(make(module), directory / name)


READ: dict[str, tuple[Callable[[], nn.Module], Writer, list[str]]] = {
    "compiled": (Seed, by_save_file(WEIGHTS, compiled), ["removed from names  .*_orig_mod"]),
    "compiled-layers": (Seed, by_save_file(WEIGHTS, layer_by_layer), ["removed from names  .*_orig_mod"]),
    "data-parallel": (
        Seed,
        by_save_file("pytorch_model.safetensors", lambda module: nn.DataParallel(module).state_dict()),
        ["weights  .*pytorch_model.safetensors", "removed from names  .*module"],
    ),
    "averaged": (
        Seed,
        by_save_file("model-ema.safetensors", lambda module: AveragedModel(module).state_dict()),
        ["weights  .*model-ema.safetensors", "removed from names  .*module"],
    ),
    "gamma-and-beta": (
        Seed,
        by_save_file(WEIGHTS, lambda module: as_gamma_and_beta(module.state_dict())),
        ["gamma and beta  .*read as weight and bias of 4 LayerNorms"],
    ),
    "shared": (
        Twice,
        lambda module, directory: save_model(module, str(directory / WEIGHTS)),
        [r"stored once  .*transformer_encoder\.layers\.1\.\S+ is transformer_encoder\.layers\.0\."],
    ),
    "one-shard": (
        Seed,
        by_save_file("model-00001-of-00001.safetensors", lambda module: module.state_dict()),
        ["weights  .*model-00001-of-00001.safetensors"],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_what_training_leaves_is_read(name: str, tmp_path: Path) -> None:
    build, write, lines = READ[name]
    directory = prepared(tmp_path / "model", write, randomised(build()))
    report = braid.inspect(str(directory))
    for line in lines:
        assert re.search(line, report), report
    assert "largest error" in braid.verify(str(directory))
