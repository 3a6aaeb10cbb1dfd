"""Counts the matrix products of a model, by running its module on tensors that have sizes and no numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from braid_bench.models import Ints, Model

aten = torch.ops.aten


class Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The products that run while it is active.

    rows: how many rows have the lengths of the row that runs; its products count that often.
    linears: by (inputs, outputs), the tokens that go through Linears of this size.
    attention_flops: floating-point operations of all other products.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rows = 1
        self.linears: Counter[tuple[int, int]] = Counter()
        self.attention_flops = 0

    def __torch_dispatch__(self, operator: Any, _: Any, arguments: Any = (), keywords: Any = None) -> Any:
        if operator in (aten.mm.default, aten.addmm.default):
            x, weight = arguments[-2:]
            self.linears[tuple(weight.shape)] += self.rows * len(x)
        elif operator in (aten.bmm.default, aten.baddbmm.default):
            x, y = arguments[-2:]
            self.attention_flops += self.rows * 2 * x.numel() * y.shape[2]
        return operator(*arguments, **(keywords or {}))

    @property
    def linear_flops(self) -> int:
        return 2 * sum(inputs * outputs * tokens for (inputs, outputs), tokens in self.linears.items())


def products(model: Model, lengths: Sequence[Ints]) -> Products:
    """Those of rows of these lengths, given by modality, without padding."""
    module = model.module().to("meta")
    torch.backends.mha.set_fastpath_enabled(False)
    counted = Products()
    for row, rows in zip(*np.unique(np.stack(lengths, axis=1), axis=0, return_counts=True), strict=True):
        counted.rows = int(rows)
        parts = [torch.empty(1, n, m.token_size, device="meta") for n, m in zip(row, model.modalities, strict=True)]
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counted:
            module(*parts)
    return counted
