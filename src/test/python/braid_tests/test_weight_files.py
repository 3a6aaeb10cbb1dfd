"""Weights as training tools leave them: read as they are, or after the command of the message, or refused loudly.

The commands of some messages run in a shell as they are. All cases run the script that they have in common, here.
"""

from __future__ import annotations

import argparse
import os
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

HOME = Path(__file__).resolve().parents[4]
WEIGHTS = "model.safetensors"

#: Writes some weights of a module into a directory.
Writer = Callable[[Any, Path], object]


def jobs(name: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BRAID_EMBEDDED": "1"}
    command = [str(HOME / "jobs" / f"{name}.sh"), "--model", str(directory)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def prepared(directory: Path, write: Writer, module: nn.Module | None = None) -> Path:
    """The directory that an export writes, with other files in the place of its weights."""
    module = randomised(Seed()) if module is None else module
    braid.export(module, directory, pair())
    (directory / WEIGHTS).unlink()
    write(module, directory)
    return directory


def command(directory: Path) -> str:
    """The command of the message about a directory that has to be converted."""
    refusal = jobs("inspect", directory)
    assert refusal.returncode == 3, refusal
    found = re.search(r" with (python -c .*)$", refusal.stderr, re.MULTILINE)
    assert found, refusal.stderr
    return found.group(1)


def shell(directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command of the message in a shell, with this interpreter as its `python`."""
    script = f'python() {{ "{sys.executable}" "$@"; }}; {command(directory)}'
    return subprocess.run(["bash", "-c", script], cwd=directory, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("one") / "model"
    prepared(directory, lambda _, path: (path / "pytorch_model.bin").touch())
    found = re.fullmatch('python -c "(.*)" pytorch_model.bin', command(directory))
    assert found
    return found.group(1)


def run(script: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the script on the files that are no export's and no trainer's."""
    ignored = {"config.json", "golden.safetensors", "pairs.parquet", "optimizer.pt", "rng_state.pth"}
    files = sorted(path.name for path in directory.iterdir() if path.name not in ignored)
    monkeypatch.chdir(directory)
    monkeypatch.setattr(sys, "argv", ["-c", *files])
    exec(script, {})


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
}


def distributed(make: Callable[[dict[str, Tensor]], dict[str, Any]]) -> Writer:
    return lambda module, directory: dcp.save(make(module.state_dict()), checkpoint_id=directory, no_dist=True)


#: Those whose command is more than the script and the name of one file.
IN_A_SHELL = {
    **{name: CONVERTED[name] for name in ("legacy-format", "shards", "safetensors-shards-without-index", "parts")},
    "distributed": distributed(with_optimizer),
    "distributed-flat": distributed(lambda state: state),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_the_script_converts(name: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = prepared(tmp_path / "model", CONVERTED[name])
    run(script, directory, monkeypatch)
    written = {re.sub(r"^(module|_orig_mod)\.", "", name): x for name, x in load_file(directory / WEIGHTS).items()}
    expected = randomised(Seed()).state_dict()
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[name], x) for name, x in expected.items())


@pytest.mark.parametrize("name", IN_A_SHELL)
def test_the_command_of_the_message_converts(name: str, tmp_path: Path) -> None:
    directory = prepared(tmp_path / "model", IN_A_SHELL[name])
    conversion = shell(directory)
    assert conversion.returncode == 0, conversion.stderr
    verification = jobs("verify", directory)
    assert verification.returncode == 0, verification.stderr


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
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_fails_loudly(
    name: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, message = REFUSED[name]
    directory = prepared(tmp_path / "model", write)
    with pytest.raises((SystemExit, Exception), match=message):
        run(script, directory, monkeypatch)
    assert not (directory / WEIGHTS).exists()


def test_half_a_distributed_checkpoint_fails_loudly(tmp_path: Path) -> None:
    directory = prepared(tmp_path / "model", lambda _, path: (path / "__0_0.distcp").touch())
    conversion = shell(directory)
    assert conversion.returncode != 0 and "Error" in conversion.stderr
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
    inspection = jobs("inspect", directory)
    assert inspection.returncode == 0, inspection.stderr
    for line in lines:
        assert re.search(line, inspection.stdout), inspection.stdout
    assert jobs("verify", directory).returncode == 0
