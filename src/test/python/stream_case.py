"""What a golden case of several streams is, as data. Start at `StreamCase`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from golden_case import Case


@dataclass(frozen=True)
class Stream:
    """Tokens of a row: `learned` ones, then those of modalities; or they are made of other streams.

    `size` 0 is the case's. `join` has the tokens of streams one after another, `concat` their features side by side,
    `pool` the one vector that `pooling` makes of a stream.
    """

    name: str
    modalities: tuple[str, ...] = ()
    learned: int = 0
    size: int = 0
    join: tuple[str, ...] = ()
    concat: tuple[str, ...] = ()
    pool: str = ""
    pooling: str = ""

    def parts(self) -> tuple[str, ...]:
        """The streams that it is made of."""
        return self.join or self.concat or ((self.pool,) if self.pool else ())


@dataclass(frozen=True)
class Stack:
    """Layers on a stream, or on `streams` that exchange tokens: with a bottleneck, or by attention to each other.

    `intermediate_size` 0 leaves out the feed-forward of cross-attention layers.
    """

    kind: str
    stream: str = ""
    prefix: str = ""
    memory: str = ""
    layers: int = 1
    heads: int = 0
    intermediate_size: int = 32
    norm_first: bool = False
    final_norm: bool = False
    bias: bool = True
    streams: tuple[str, ...] = ()
    bottleneck: str = ""
    fusion_layer: int = 0
    layer_kind: str = ""
    #: Whether cross-attention layers normalise what they read.
    memory_norm: bool = False
    #: True takes layers of Llama's parts in place of torch's.
    llama: bool = False
    #: Heads of keys and values; 0 for as many as heads.
    key_value_heads: int = 0

    def parts(self) -> list[Stack]:
        """The stack of each stream, under its name and `prefix`; this one where it has one stream."""
        if not self.streams:
            return [self]
        kind = "encoder" if self.bottleneck else self.layer_kind or "decoder"
        parts = []
        for i, stream in enumerate(self.streams):
            memory = "" if self.bottleneck else self.streams[1 - i]
            parts.append(replace(self, kind=kind, stream=stream, memory=memory, prefix=f"{stream}_{self.prefix}", streams=()))
        return parts


@dataclass(frozen=True)
class StreamCase(Case):
    """A case of `fusion_encoder` with streams."""

    stored_dtype: torch.dtype = torch.float16
    streams: tuple[Stream, ...] = ()
    stacks: tuple[Stack, ...] = ()
    output: tuple[str, ...] = ()
    #: Pairs that self-attention rotates: `half`, `interleaved`, or none.
    rotary: str = ""
    rope_theta: float = 10000.0
    #: `sinusoidal` or `sinusoidal_concatenated`.
    row_positions: str = ""
    #: `max_position_embeddings`.
    max_positions: int = 0

    def stream(self, name: str) -> Stream:
        return next(stream for stream in self.streams if stream.name == name)

    def size(self, name: str) -> int:
        stream = self.stream(name)
        if stream.concat or stream.pool:
            return sum(self.size(part) for part in stream.parts())
        return stream.size or self.hidden_size

    def is_one_vector(self, name: str) -> bool:
        stream = self.stream(name)
        return bool(stream.pool) or (bool(stream.concat) and self.is_one_vector(stream.concat[0]))

    def groups(self, name: str) -> list[str]:
        """The groups of the tokens of a stream, or of several (`a+b`): modalities, and streams for their learned tokens."""
        if "+" in name:
            return [group for part in name.split("+") for group in self.groups(part)]
        stream = self.stream(name)
        if self.is_one_vector(name):
            return [name]
        if stream.parts():
            return [group for part in (stream.join or stream.concat[:1]) for group in self.groups(part)]
        return [stream.name] * (stream.learned > 0) + list(stream.modalities)

    def all_groups(self) -> list[str]:
        return [group for stream in self.streams if not stream.parts() for group in self.groups(stream.name)]
