"""Finds encoder layers of several streams that share fusion tokens: Nagrani et al. 2021 (arXiv 2107.00135). Start at `rounds`.

Dimension letters: S tokens of a stream, B tokens of the bottleneck, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from braid.dataflow import LayerRun, contains
from braid.golden import same


@dataclass(frozen=True, eq=False)
class Round:
    """Consecutive steps, one per stream. Each reads its stream's tokens and the same tokens of the bottleneck.

    `learned` names the tensor that holds the bottleneck's tokens; None if they are the mean of the round before.
    """

    steps: list[LayerRun]
    tokens: Tensor
    learned: str | None
    bottleneck_first: bool

    def of_stream(self, x: Tensor) -> Tensor:
        """The tokens of the stream among the tokens of one step."""
        return x[len(self.tokens) :] if self.bottleneck_first else x[: -len(self.tokens)]

    def of_bottleneck(self, x: Tensor) -> Tensor:
        return x[: len(self.tokens)] if self.bottleneck_first else x[-len(self.tokens) :]

    def mean(self) -> Tensor:
        """The bottleneck's tokens after the round: the mean of what the steps made of them."""
        return torch.stack([self.of_bottleneck(step.output) for step in self.steps]).mean(0)


def rounds(steps: list[LayerRun], parameters: Mapping[str, Tensor], returned: list[Tensor]) -> dict[int, Round]:
    """The rounds, by the number of their first step."""
    found: dict[int, Round] = {}
    means: list[Tensor] = []
    i = 0
    while i < len(steps):
        for candidate in candidates(steps[i:], parameters, means):
            later = steps[i + len(candidate.steps) :]
            if candidate.learned is None or exchanges(candidate, later, returned):
                found[i] = candidate
                means = [candidate.mean()]
                i += len(candidate.steps) - 1
                break
        i += 1
    return found


def candidates(steps: list[LayerRun], parameters: Mapping[str, Tensor], means: list[Tensor]) -> Iterator[Round]:
    """The rounds that could begin with the first of these steps."""
    query = steps[0].query
    learned = {name: x.reshape(-1, x.shape[-1]) for name, x in parameters.items() if x.shape[-1] == query.shape[1]}
    for name, tokens in [*((None, mean) for mean in means), *learned.items()]:
        for first in (False, True):
            alike = []
            for step in steps:
                if step.kind != "encoder" or not holds(step.query, tokens, first):
                    break
                alike.append(step)
            if len(alike) > 1:
                yield Round(alike, tokens, name, first)


def holds(x: Tensor, tokens: Tensor, first: bool) -> bool:
    """Whether `x` begins with `tokens` (`first`), or ends with them."""
    return len(tokens) < len(x) and same(x[: len(tokens)] if first else x[-len(tokens) :], tokens)


def exchanges(round_: Round, later: list[LayerRun], returned: list[Tensor]) -> bool:
    """Whether the steps really share a bottleneck: its mean is read later, or none of their outputs is used whole."""
    read = [x for step in later for x in (step.query, step.memory) if x is not None]
    if any(holds(x, round_.mean(), round_.bottleneck_first) for x in read):
        return True
    used = [*read, *(x.reshape(-1, x.shape[-1]) for x in returned if x.dim() in (2, 3))]
    return not any(contains(x, step.output) for x in used for step in round_.steps)
