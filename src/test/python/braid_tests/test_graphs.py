"""Modules of one vector per modality: their graphs become steps, which give the module's numbers, or are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

import braid
from braid.golden import error
from braid.steps import fused

VISUAL, TEXT, HIDDEN = 7, 5, 6


def sample() -> dict[str, Tensor]:
    torch.manual_seed(5)
    return {"visual": torch.randn(4, VISUAL), "text": torch.randn(4, TEXT)}


class Gated(nn.Module):
    """A gated multimodal unit, under torch.compile and with weight normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.utils.parametrizations.weight_norm(nn.Linear(VISUAL, HIDDEN))
        self.text_of_it = torch.compile(nn.Linear(TEXT, HIDDEN))
        self.z = nn.Linear(VISUAL + TEXT, HIDDEN)

    def forward(self, text: Tensor, visual: Tensor) -> Tensor:
        z = torch.sigmoid(self.z(torch.cat((visual, text), 1)))
        return (1 - z) * self.text_of_it(text).tanh() + self.visual(visual).tanh() * z


class Bilinear(nn.Module):
    """Arguments by place; norms of every kind; a skip; a method, a function and a module of each activation."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Linear(VISUAL, HIDDEN), nn.LayerNorm(HIDDEN, elementwise_affine=False), nn.SiLU())
        self.b = nn.Sequential(nn.Linear(TEXT, HIDDEN), nn.Dropout(), nn.BatchNorm1d(HIDDEN, affine=False))
        self.out = nn.Linear(HIDDEN, HIDDEN, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        a, b = self.a(x), self.b(y)
        joint = F.dropout(F.gelu(a * b, approximate="tanh"), training=self.training)
        return sum([self.out(joint), a, torch.mul(b, b).relu()])  # type: ignore[return-value]


class Scored(nn.Module):
    """The sum of projections, each times its share of a softmax over scores; a bilinear map of that and another such sum."""

    def __init__(self) -> None:
        super().__init__()
        self.v, self.t = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.score, self.shares = nn.Sequential(nn.Linear(HIDDEN, 4), nn.Tanh(), nn.Linear(4, 1)), nn.Linear(VISUAL + TEXT, 2)
        self.pair = nn.Bilinear(HIDDEN, HIDDEN, 5)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        both = torch.stack([self.v(visual), self.t(text)], dim=1)
        scored = (F.softmax(self.score(both), dim=1) * both).sum(1)
        shares = self.shares(torch.cat([visual, text], -1)).softmax(-1)
        shared = shares[:, 1:2] * both[:, 1] + shares[:, :1] * both[:, 0]
        return self.pair(scored, shared)


class Mlp(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Linear(VISUAL + TEXT, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.3), nn.Linear(9, HIDDEN), nn.GELU()
        )


def concatenated(module: nn.Module, row: dict[str, Tensor]) -> Any:
    return module(torch.cat([row["text"], row["visual"]], dim=-1))


MODULES: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], list[str]]] = {
    "gated": (Gated, {}, ["concat", "linear", "activation", "linear", "activation", "linear", "activation", "gate"]),
    "bilinear": (
        Bilinear,
        {},
        ["linear", "norm", "activation", "linear", "batch_norm", "product", "activation", "linear"]
    + ["product", "activation", "sum", "sum"],
    ),
    "scored": (
        Scored,
        {},
        ["linear", "linear", "linear", "linear", "activation", "activation", "linear", "linear", "concat", "softmax"]
    + ["weighted_sum", "concat", "linear", "softmax", "weighted_sum", "bilinear"],
    ),
    "mlp": (Mlp, {"call": concatenated}, ["concat", "linear", "batch_norm", "activation", "linear", "activation"]),
}


def randomised(module: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            part.running_mean = torch.randn(part.num_features)
            part.running_var = torch.rand(part.num_features) + 0.5
    return module


@pytest.mark.parametrize("name", MODULES)
def test_the_steps_give_the_golden_numbers(name: str, tmp_path: Path) -> None:
    build, arguments, kinds = MODULES[name]
    module = randomised(build())
    braid.export(module, tmp_path, sample(), **arguments)
    config = json.loads((tmp_path / "config.json").read_text())
    tensors, golden = load_file(tmp_path / "model.safetensors"), load_file(tmp_path / "golden.safetensors")
    assert [step["kind"] for step in config["steps"]] == kinds
    assert config["steps"][-1]["name"] == "fused"
    row = {modality: golden[f"{modality}.features"][:, 0] for modality in ("visual", "text")}
    assert error(fused(config["steps"], tensors, row), golden["pooled"]) < 2e-5
    assert torch.equal(golden["fused"], golden["pooled"])
    assert not any("num_batches_tracked" in tensor or "parametrizations" in tensor for tensor in tensors)


def test_weights_keep_their_type(tmp_path: Path) -> None:
    braid.export(Mlp().half(), tmp_path, sample(), call=concatenated)
    assert load_file(tmp_path / "model.safetensors")["0.weight"].dtype == torch.float16


class Lambda(nn.Module):
    """Joins projections by a function."""

    def __init__(self, join: Callable[[Any, Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.v, self.t = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.scale = nn.Parameter(torch.ones(HIDDEN))
        self.bilinear = nn.Bilinear(HIDDEN, HIDDEN, 3)
        self.join = join

    def forward(self, visual: Tensor, text: Tensor) -> Any:
        return self.join(self, self.v(visual), self.t(text))


REFUSED: dict[str, tuple[Callable[[Any, Tensor, Tensor], Any], str]] = {
    "another operation": (lambda m, v, t: v - t, "'sub', which is not 1 - gate (node 'sub', test_graphs.py line"),
    "a softmax over rows": (lambda m, v, t: torch.softmax(v, 0) * t, "got 'softmax' (node 'softmax'"),
    "a share alone": (lambda m, v, t: v[:, 1:2] * t, "a fused vector that a step makes"),
    "a stack": (lambda m, v, t: torch.stack([v, t], 1).mean(1), "got 'mean'"),
    "a parameter": (lambda m, v, t: v * m.scale + t, "got 'scale', a parameter"),
    "a scalar": (lambda m, v, t: 0.5 * v + t, "'mul' with 0.5, which is no vector"),
    "rows joined": (lambda m, v, t: torch.cat([v, t]), "one fused vector of a row, [1, size], got [2, 6]"),
    "dropout left on": (lambda m, v, t: F.dropout(v, 0.0) + t, "got 'dropout'"),
    "half a gate": (lambda m, v, t: (1 - v.sigmoid()) * t, "a fused vector that a step makes"),
    "a gate elsewhere": (lambda m, v, t: (1 - v.sigmoid()).tanh() * t, "outside of gate * a + (1 - gate) * b"),
    "a branch": (lambda m, v, t: v if v.sum() > 0 else t, "forward to be traced by torch.fx"),
    "one modality": (lambda m, v, t: v.relu(), "one without 'text'"),
    "two results": (lambda m, v, t: (v, t), "one fused vector of a row, [1, size], got [1, 6], [1, 6]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_step_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    join, message = REFUSED[name]
    with pytest.raises(braid.ExportError) as refused:
        braid.export(Lambda(join), tmp_path / "model", sample())
    assert message in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_parts_of_encoders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError, match="no named part of a module that takes one vector.*got 'heads', 'pooling'"):
        braid.export(Mlp(), tmp_path, sample(), call=concatenated, heads=2, pooling="mean")


def test_a_module_that_does_not_take_the_sample_says_why(tmp_path: Path) -> None:
    with pytest.raises(braid.ExportError, match=r"forward to take a row of the sample, 'visual' \[1, 7\]"):
        braid.export(Mlp(), tmp_path, sample())
