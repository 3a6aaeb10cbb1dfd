"""Models that take one vector per modality: real modules, and the steps that describe them to Braid.

Start at `VectorModule`. Dimension letters: P rows, D size of the fused vector.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from golden_case import Case, Modality
from reference import Reference, Row, Run

Step = dict[str, Any]


@dataclass(frozen=True)
class VectorCase(Case):
    """A case of the kind `vector_fusion`; `hidden_size` is that of the fused vector, and there are no layers."""

    heads: int = 0
    layers: int = 0
    intermediate_size: int = 0
    pooling: str = "cls"
    build: Callable[[], nn.Module] = nn.Identity
    steps: tuple[Step, ...] = ()
    blind_to: tuple[str, ...] = ("q and k swapped", "square matrices transposed")


def vector(name: str, size: int, rows: int) -> Modality:
    """A modality of one vector in every row."""
    return Modality(name, size, (1,) * rows)


def step(kind: str, name: str, of: str | list[str], **keys: object) -> Step:
    return {"kind": kind, "name": name, "of": of, **keys}


class GatedUnit(nn.Module):
    """Arevalo et al. 2017 (arXiv 1702.01992), section 3.1."""

    def __init__(self) -> None:
        super().__init__()
        self.visual_hidden = nn.Linear(12, 16, bias=False)
        self.text_hidden = nn.Linear(9, 16, bias=False)
        self.gate = nn.Linear(21, 16, bias=False)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        z = torch.sigmoid(self.gate(torch.cat([visual, text], dim=-1)))
        return z * torch.tanh(self.visual_hidden(visual)) + (1 - z) * torch.tanh(self.text_hidden(text))


class LowRankBilinear(nn.Module):
    """A product of projections, Kim et al. 2017 (arXiv 1610.04325), between norms, with a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Sequential(nn.Linear(7, 16), nn.LayerNorm(16))
        self.text = nn.Sequential(nn.Linear(5, 16), nn.RMSNorm(16, eps=1e-2))
        self.out = nn.Linear(16, 16)
        self.norm = nn.LayerNorm(16, eps=1e-3, bias=False)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v = self.visual(visual)
        joint = nn.functional.gelu(v * self.text(text))
        return cast(Tensor, self.norm(self.out(joint) + v))


class ConcatenatedMlp(nn.Module):
    """Vectors one after another through Linears, batch norms and activations."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(17, 20),
            nn.BatchNorm1d(20),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(20, 13),
            nn.SiLU(),
            nn.BatchNorm1d(13, eps=1e-2),
            nn.Linear(13, 11),
        )

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return cast(Tensor, self.mlp(torch.cat([visual, text], dim=-1)))


class ThreeGates(nn.Module):
    """Each of three modalities has a gate of its own; two modalities share a Linear; the features are kept beside the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(8, 10)
        self.audio = nn.Linear(6, 10)
        self.gates = nn.ModuleList([nn.Linear(8, 10), nn.Linear(8, 10), nn.Linear(6, 10)])
        self.head = nn.Linear(18, 14)

    def forward(self, visual: Tensor, text: Tensor, audio: Tensor) -> Tensor:
        hidden = (self.shared(visual), self.shared(text), self.audio(audio))
        gates = [torch.sigmoid(gate(x)) for gate, x in zip(self.gates, (visual, text, audio), strict=True)]
        fused = gates[0] * hidden[0] + gates[1] * hidden[1] + gates[2] * hidden[2]
        return nn.functional.gelu(self.head(torch.cat([fused, text], dim=-1)), approximate="tanh")


class BilinearFusion(nn.Module):
    """Two bilinear maps of two modalities, one of them without a bias, between Linears."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Bilinear(7, 5, 12)
        self.second = nn.Bilinear(12, 7, 9, bias=False)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return cast(Tensor, self.second(torch.tanh(self.first(visual, text)), visual))


class WeightedModalities(nn.Module):
    """Each modality has a score, a Linear of its own; the softmax over the scores weighs the projected vectors."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (8, 5, 6)
        self.projections = nn.ModuleList(nn.Linear(size, 10) for size in sizes)
        self.scores = nn.ModuleList(nn.Linear(10, 1) for _ in sizes)

    def forward(self, visual: Tensor, text: Tensor, audio: Tensor) -> Tensor:
        vectors = [map_(x) for map_, x in zip(self.projections, (visual, text, audio), strict=True)]
        scores = torch.cat([score(x) for score, x in zip(self.scores, vectors, strict=True)], dim=-1)
        weights = torch.softmax(scores, dim=-1)
        return (weights[:, :, None] * torch.stack(vectors, dim=1)).sum(dim=1)


class VectorModule(Reference):
    """A module of vectors as sequences of one token."""

    def __init__(self, case: VectorCase) -> None:
        super().__init__(case, leading=0)
        self.fusion = case.build()
        random = np.random.default_rng(case.seed + 1000)
        for norm in self.fusion.modules():
            if isinstance(norm, nn.BatchNorm1d):
                assert norm.running_mean is not None and norm.running_var is not None
                size = norm.num_features
                norm.running_mean = torch.from_numpy(random.standard_normal(size)).float()
                norm.running_var = torch.from_numpy(0.3 + random.standard_normal(size) ** 2).float()

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        fused = self.fusion(*[x[:, 0] for x in features])
        return Run([], fused[:, None], [])

    def row_of(self, run: Run, row: int, keep: list[Tensor]) -> Row:
        fused = run.fused[row]
        return Row([], fused, fused[0], torch.zeros(0))

    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        case = cast(VectorCase, self.case)
        config = {
            "model_type": "vector_fusion",
            "modalities": [{"name": m.name, "feature_size": m.feature_size} for m in case.modalities],
            "steps": list(case.steps),
        }
        (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        stored = weights | dict(self.named_buffers())
        stored = {name.removeprefix("fusion."): tensor.contiguous() for name, tensor in stored.items()}
        save_file(stored, directory / "model.safetensors", metadata={"format": "pt"})
