"""The keys of config.json that say what the streams and stacks of a model are. Start at `Topology`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from braid.dataflow import LayerRun
from braid.errors import ExportError
from braid.reference import joined
from braid.settings import BY_HAND
from braid.sources import Source


@dataclass
class Topology:
    """Collects the keys `streams`, `stacks`, `output` and `tensor_prefixes`, and the tensors."""

    subject: str
    streams: list[dict[str, Any]] = field(default_factory=list)
    stacks: list[dict[str, Any]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    prefixes: dict[str, str] = field(default_factory=dict)
    #: For each modality, what makes its tokens.
    sources: dict[str, Source] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    #: The position tables that were found.
    positions: dict[str, Tensor] = field(default_factory=dict)
    #: The keys that are the same for all stacks.
    shared: dict[str, Any] = field(default_factory=dict)

    def add_stream(self, stream: dict[str, Any], tokens: Tensor) -> str:
        taken = {name for other in self.streams for name in other.get("modalities", [])}
        twice = [name for name in stream.get("modalities", []) if name in taken]
        if twice:
            expected = "each modality in one stream"
            raise ExportError(self.subject, expected, f"'{twice[0]}' in two, differently", BY_HAND)
        self.streams.append({**stream, "hidden_size": tokens.shape[1]})
        return str(stream["name"])

    def free(self, name: str) -> str:
        """This name, or a similar one if a stream has it already."""
        taken = {stream["name"] for stream in self.streams}
        numbered = (name if i == 1 else f"{name}_{i}" for i in itertools.count(1))
        return next(each for each in numbered if each not in taken)

    def stream(self, name: str) -> dict[str, Any]:
        return next(stream for stream in self.streams if stream["name"] == name)

    def groups_of(self, name: str) -> list[str]:
        """The modalities, learned tokens and pooled vectors in a stream, or in the streams that it is made of."""
        stream = self.stream(name)
        if self.is_one_vector(name):
            return [name]
        parts = stream.get("join", stream.get("concat", [])[:1])
        if parts:
            return [group for part in parts for group in self.groups_of(part)]
        return [*([name] if "tensor" in stream else []), *stream.get("modalities", [])]

    def is_one_vector(self, name: str) -> bool:
        """Whether a stream has one pooled vector per row."""
        stream = self.stream(name)
        return "pool" in stream or ("concat" in stream and self.is_one_vector(stream["concat"][0]))

    def facts(self, step: LayerRun) -> dict[str, Any]:
        """What the config of a stack says about a layer, without the keys that all stacks share."""
        facts = {key: value for key, value in step.config.items() if key != "hidden_size"}
        shared: dict[str, Any] = {key: facts.pop(key) for key in ("gated_feed_forward", "attention_output_projection") if key in facts}
        rotations = {key: facts.pop(key, None) for key in ("rotary_embeddings", "rope_theta")}
        if step.kind != "cross_attention":
            shared |= rotations
        for key, value in shared.items():
            if self.shared.setdefault(key, value) != value:
                expected = f"{key} {self.shared[key] or 'none'} as in the layers before, which holds for all layers"
                raise ExportError(f"'{step.path}'", expected, str(value or "none"), BY_HAND)
        return facts

    def add_layers(self, described: dict[str, Any], steps: dict[str, LayerRun], chained: bool) -> None:
        """Adds a layer of each of these streams: to the last stack if they continue it, otherwise to a new stack."""
        last = self.stacks[-1] if self.stacks else {}
        own = {key: value for key, value in last.items() if key not in ("prefix", "prefixes", "num_hidden_layers")}
        if chained and own == described and not any(self.has_norm(prefix) for prefix in prefixes_of(last)):
            last["num_hidden_layers"] += 1
            stack = last
        else:
            place = f"stacks.{len(self.stacks)}"
            several = {"prefixes": {stream: f"{place}.{stream}" for stream in steps}}
            prefixes = several if len(steps) > 1 else {"prefix": place}
            stack = {**described, **prefixes, "num_hidden_layers": 1}
            self.stacks.append(stack)
        for prefix, step in zip(prefixes_of(stack), steps.values()):
            number = stack["num_hidden_layers"] - 1
            self.tensors |= {joined(prefix, f"layers.{number}.{name}"): x for name, x in step.tensors.items()}
            self.tensors |= {joined(prefix, name): x for name, x in step.norm.items()}

    def has_norm(self, prefix: str) -> bool:
        return joined(prefix, "norm.weight") in self.tensors


def prefixes_of(stack: dict[str, Any]) -> list[str]:
    return list(stack["prefixes"].values()) if "prefixes" in stack else [stack["prefix"]]
