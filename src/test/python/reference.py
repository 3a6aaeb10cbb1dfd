"""What every golden case runs: a PyTorch model of one kind, seen as features in, tokens and attention out.

Start at `Reference`. Dimension letters: P rows, S tokens of a row, M tokens of one modality, D hidden size.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from golden_case import Case


@dataclass(frozen=True)
class Run:
    """One forward pass: outputs of the layers and of the model [P, S, D], attention weights [P, heads, S, S]."""

    layers: list[Tensor]
    fused: Tensor
    attention: list[Tensor]
    #: What the model's own pooler gave [P, D].
    pooled: Tensor | None = None


class Reference(nn.Module, ABC):
    """A model of one kind. `leading` tokens (one with CLS) stand before those of the modalities."""

    def __init__(self, case: Case, leading: int) -> None:
        super().__init__()
        self.case = case
        self.leading = leading
        #: What follows the last LayerNorm of unimodal encoders, where the features are what stands before it.
        self.normalised: list[Tensor] = []

    @abstractmethod
    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        """Runs features [P, M, feature size], one tensor per modality; `keep` [P, M] is false at masked tokens."""

    @abstractmethod
    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        """Writes config.json and the weights, drawn for `named_parameters`, under the names of the model's kind."""

    def fused_of(self, run: Run, row: int, keep: list[Tensor]) -> Tensor:
        """Cuts one row's kept tokens [S, D] out of the fused tokens of a run."""
        return run.fused[row][self.with_leading(keep)[row]]

    def row_of(self, run: Run, row: int, keep: list[Tensor]) -> Row:
        """Cuts one row's kept tokens out of a run; `keep` [P, M] per modality."""
        kept = self.with_leading(keep)[row]
        sizes = [self.leading] * (self.leading > 0) + [int(mask[row].sum()) for mask in keep]
        fused = self.fused_of(run, row, keep)
        shares = [attention_shares(weights[row][:, kept][:, :, kept], sizes) for weights in run.attention]
        pooled = run.pooled[row] if run.pooled is not None else pool(self.case.pooling, fused)
        return Row([x[row][kept] for x in run.layers], fused, pooled, torch.stack(shares))

    def in_float64(self) -> Self:
        return copy.deepcopy(self).double()

    def features(self, random: np.random.Generator) -> dict[str, Tensor]:
        """Draws each modality's tokens [P, longest M, token size], by its name; zero past a row's length."""
        scales = dict(self.case.scales)
        drawn = {}
        for modality in self.case.modalities:
            shape = (self.case.rows, max(modality.lengths), modality.token_size)
            if modality.vocabulary:
                drawn[modality.name] = torch.from_numpy(random.integers(0, modality.vocabulary, shape)).float()
            else:
                scale = scales.get(f"{modality.name}.features", 1.0)
                drawn[modality.name] = torch.from_numpy(random.standard_normal(shape) * scale).float()
            drawn[modality.name][~modality.within_length()] = 0.0
        return drawn

    def with_leading(self, keep: list[Tensor]) -> Tensor:
        """Concatenates masks [P, M] of the modalities to [P, S], true at the leading tokens."""
        return torch.cat([torch.ones(len(keep[0]), self.leading, dtype=torch.bool), *keep], dim=1)


@dataclass(frozen=True)
class Row:
    """One row's real tokens: outputs [S, D], the pooled vector [D], attention shares [layers, groups]."""

    layers: list[Tensor]
    fused: Tensor
    pooled: Tensor | None
    shares: Tensor


def attention_shares(weights: Tensor, sizes: list[int]) -> Tensor:
    """Maps weights [heads, S, S] to the share that each group of keys received, averaged over heads and queries."""
    shares = torch.stack([part.double().sum(dim=-1).mean() for part in torch.split(weights, sizes, dim=-1)])
    assert abs(float(shares.sum()) - 1.0) < 1e-6
    return shares


def pool(pooling: str, fused: Tensor) -> Tensor | None:
    """Pools one row's fused tokens [S, D] to [D]."""
    match pooling:
        case "mean":
            return fused.mean(dim=0)
        case "max":
            return fused.amax(dim=0)
        case "cls":
            return fused[0]
        case "last":
            return fused[-1]
        case "none":
            return None
    raise ValueError(f"Cannot pool tokens: expected mean, max, cls, last or none, got {pooling}")


def gather(rows: list[Row]) -> dict[str, Tensor]:
    """Returns `layers.{i}` and `fused` [N, D], `pooled` [P, D] where the model pools, and shares where it attends."""
    results = {f"layers.{i}": torch.cat([row.layers[i] for row in rows]) for i in range(len(rows[0].layers))}
    results["fused"] = torch.cat([row.fused for row in rows])
    pooled = [row.pooled for row in rows if row.pooled is not None]
    if pooled:
        results["pooled"] = torch.stack(pooled)
    by_layer = torch.stack([row.shares for row in rows])
    if by_layer.numel() > 0:
        results["attention"] = by_layer.mean(dim=1).to(results["fused"].dtype)
        results["attention_by_layer"] = by_layer.to(results["fused"].dtype)
    return results


def run_batch(reference: Reference, features: list[Tensor], keep: list[Tensor]) -> dict[str, Tensor]:
    """Runs all rows as one padded and masked batch."""
    run = reference.run(features, keep)
    return gather([reference.row_of(run, row, keep) for row in range(len(keep[0]))])


def run_alone(reference: Reference, features: list[Tensor], keep: list[Tensor]) -> dict[str, Tensor]:
    """Runs each row alone, unpadded: its kept tokens moved together, no mask."""
    rows = []
    for row in range(len(keep[0])):
        cut = [kept_tokens(x[row : row + 1], mask[row]) for x, mask in zip(features, keep, strict=True)]
        whole = [torch.ones(x.shape[:2], dtype=torch.bool) for x in cut]
        rows.append(reference.row_of(reference.run(cut), 0, whole))
    return gather(rows)


def kept_tokens(x: Tensor, mask: Tensor) -> Tensor:
    """Cuts x [1, M, feature size] to its kept tokens; a view where they are the first ones."""
    count = int(mask.sum())
    return x[:, :count] if bool(mask[:count].all()) else x[:, mask]


def error(actual: Tensor, reference: Tensor) -> float:
    """Returns the largest |actual - reference|, relative to the root mean square of its row of `reference`."""
    wide = reference.double()
    rms = wide.square().mean(dim=-1, keepdim=True).sqrt()
    return float(((actual.double() - wide).abs() / rms).max())
