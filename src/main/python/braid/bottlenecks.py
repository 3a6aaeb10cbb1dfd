"""Finds encoder layers of several streams that share fusion tokens: Nagrani et al. 2021 (arXiv 2107.00135). Start at `rounds`.

Dimension letters: S tokens of a stream, B tokens of the bottleneck, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from braid.dataflow import Step, contains
from braid.golden import same


@dataclass(frozen=True, eq=False)
class Round:
    """Neighbouring steps, one of each stream, that read a stream's tokens and the same tokens of the bottleneck.

    `learned` names the tensor that the bottleneck's tokens are; None for the mean of an earlier round.
    """

    steps: list[Step]
    tokens: Tensor
    learned: str | None
    bottleneck_first: bool

    def of_stream(self, x: Tensor) -> Tensor:
        """The stream's tokens among those of one step."""
        return x[len(self.tokens) :] if self.bottleneck_first else x[: -len(self.tokens)]

    def of_bottleneck(self, x: Tensor) -> Tensor:
        return x[: len(self.tokens)] if self.bottleneck_first else x[-len(self.tokens) :]

    def mean(self) -> Tensor:
        """What the bottleneck's tokens are after the round."""
        return torch.stack([self.of_bottleneck(step.output) for step in self.steps]).mean(0)


def rounds(steps: list[Step], parameters: Mapping[str, Tensor], returned: list[Tensor]) -> dict[int, Round]:
    """The rounds by the number of their first step."""
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


def candidates(steps: list[Step], parameters: Mapping[str, Tensor], means: list[Tensor]) -> Iterator[Round]:
    """The rounds that may begin with the first of these steps."""
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
    """Whether tokens stand at one end of others."""
    return len(tokens) < len(x) and same(x[: len(tokens)] if first else x[-len(tokens) :], tokens)


def exchanges(round_: Round, later: list[Step], returned: list[Tensor]) -> bool:
    """Whether the mean of the bottleneck is read later, or else what the steps leave is never used as a whole."""
    read = [x for step in later for x in (step.query, step.memory) if x is not None]
    if any(holds(x, round_.mean(), round_.bottleneck_first) for x in read):
        return True
    used = [*read, *(x.reshape(-1, x.shape[-1]) for x in returned if x.dim() in (2, 3))]
    return not any(contains(x, step.output) for x in used for step in round_.steps)
