"""Finds the streams and stacks of a module in the steps of one run. Start at `Builder`.

A value is tokens [S, D] that a layer reads or leaves. A value that no layer made is split into projected modalities,
learned tokens and other values. A layer changes its stream in place; if the old tokens are read again, it changes a
copy of the stream.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from braid.bottlenecks import rounds
from braid.dataflow import LayerRun, Run, normed_in_part
from braid.encoder import norm_tensors
from braid.errors import ExportError
from braid.golden import same
from braid.norms import may_be_norm
from braid.settings import BY_HAND
from braid.sources import Source, position_tables
from braid.stream_keys import Topology
from braid.values import Value, Values, rows_of, with_projected
from braid.wrappers import Parts


class Builder:
    """Turns the steps of one run into a topology. Start at `assemble`."""

    def __init__(
        self, subject: str, parts: Parts, running: nn.Module, run: Run, steps: list[LayerRun],
        sources: dict[str, dict[Source, Tensor]],
    ) -> None:  # fmt: skip
        """`sources` are, for each modality, what may make its tokens, with these tokens."""
        self.subject, self.parts, self.run, self.steps = subject, parts, run, steps
        parameters = rows_of(running.named_parameters())
        tables = {**parameters, **rows_of(running.named_buffers())}
        self.values = Values(sources, with_projected(parameters, parts, run.events), tables)
        self.found = Topology(subject)
        #: For each step, the values that it changes, reads and leaves.
        self.reads: list[tuple[Value, Value | None, Value]] = []
        self.rounds = rounds(steps, parameters, run.returned)
        #: What the bottleneck of a round becomes, by the number of the round's first step.
        self.means: dict[int, Value] = {}
        while len(self.reads) < len(steps):
            i = len(self.reads)
            if i in self.rounds:
                self.read_round(i)
            else:
                self.read_step(i)

    def read_step(self, i: int) -> None:
        step = self.steps[i]
        query = self.value(step.query, i, f"the tokens that enter '{step.path}'")
        memory = step.memory
        if memory is not None and step.unnormed and not self.values.explained(memory) and self.values.explained(step.unnormed[0]):
            memory, path = step.unnormed
            step.tensors |= norm_tensors(f"'{path}'", self.parts[path], step.config, "memory_norm")
        read = None if memory is None else self.value(memory, i, f"the memory of '{step.path}'")
        self.reads.append((query, read, Value(step.output)))
        self.values.all.append(self.reads[-1][2])

    def read_round(self, i: int) -> None:
        """Reads the steps of streams that share a bottleneck: each leaves its stream, all together leave the bottleneck."""
        found = self.rounds[i]
        bottleneck = next((value for value in self.values.all if same(value.tokens, found.tokens)), None)
        if bottleneck is None:
            bottleneck = Value(found.tokens, [("learned", found.learned)], name="bottleneck")
            self.values.all.append(bottleneck)
        for step in found.steps:
            self.mark_read(bottleneck, len(self.reads))
            query = self.value(found.of_stream(step.query), len(self.reads), f"the tokens that enter '{step.path}'")
            self.reads.append((query, bottleneck, Value(self.normed(step, found.of_stream(step.output)))))
        self.means[i] = Value(found.mean())
        self.values.all += [*(left for _, _, left in self.reads[i:]), self.means[i]]

    def normed(self, step: LayerRun, x: Tensor) -> Tensor:
        """The stream's tokens that a step leaves, or the output of a norm that reads exactly these."""
        for event in self.run.events:
            if not step.norm and may_be_norm(self.parts[event.path]) and same(event.inputs[0], x):
                step.norm = norm_tensors(f"'{event.path}'", self.parts[event.path], step.config, "norm")
                return event.output
        return x if step.norm else normed_in_part(self.parts, self.run, step, x)

    def leading(self) -> dict[int, int]:
        """For each step whose bottleneck comes before its stream's tokens, the number of the bottleneck's tokens."""
        return {
            first + i: len(found.tokens)
            for first, found in self.rounds.items()
            for i in range(len(found.steps))
            if found.bottleneck_first
        }

    def dead(self, output: list[Value]) -> list[int]:
        """The numbers of the steps that no output depends on."""
        for value in output:
            self.mark_read(value, len(self.steps))
        dead = {i for i, (_, _, left) in enumerate(self.reads) if left.last_read < 0}
        for first, mean in self.means.items():
            if mean.last_read >= 0:
                dead -= set(range(first, first + len(self.rounds[first].steps)))
        for first, found in list(self.rounds.items())[1:]:  # all streams of a later round are needed if one is
            of_round = set(range(first, first + len(found.steps)))
            dead -= of_round if of_round - dead else set()
        return sorted(dead)

    def spare(self, dead: list[int]) -> list[int]:
        """The dead steps that can be left out, because a live step reads the same input."""
        read = [value for i, (query, memory, _) in enumerate(self.reads) if i not in dead for value in (query, memory)]
        return [i for i in dead if self.reads[i][0] in read]

    def left(self) -> list[Value]:
        """The values that steps leave and no step reads."""
        return [left for _, _, left in self.reads if left.last_read < 0]

    def assemble(self, output: list[Value]) -> Topology:
        """The topology whose fused tokens are these values, one after another. Call `dead` with them first."""
        i = 0
        while i < len(self.steps):
            i += self.add_round(i) if i in self.rounds else self.add_exchange(i) or self.add_step(i)
        self.found.output = [self.stream(value) for value in output]
        return self.found

    def add_step(self, i: int) -> int:
        """Adds one layer on one stream."""
        step, (query, read, left) = self.steps[i], self.reads[i]
        stream = self.stream(query)
        memory = "" if read is None else self.stream(read)
        if query.last_read > i:
            stream = self.found.add_stream({"name": self.found.free(stream), "join": [stream]}, query.tokens)
        left.stream = stream
        described = {"kind": step.kind, "stream": stream, **({"memory": memory} if memory else {}), **self.found.facts(step)}
        self.found.add_layers(described, {stream: step}, chained=i > 0 and self.reads[i - 1][2] is query)
        return 1

    def add_exchange(self, i: int) -> int:
        """Adds co-attention if the next two steps attend to each other's input; returns the number of steps, 2 or 0."""
        if i + 1 == len(self.steps):
            return 0
        (one, read, left), (other, read_by_other, left_by_other) = self.reads[i : i + 2]
        step, step_of_other = self.steps[i : i + 2]
        alternate = read is other and read_by_other is one and step.kind == step_of_other.kind
        if not alternate or self.found.facts(step) != self.found.facts(step_of_other) or max(one.last_read, other.last_read) > i + 1:
            return 0
        streams = [self.stream(one), self.stream(other)]
        left.stream, left_by_other.stream = streams
        described = {"kind": "co_attention", "layer_kind": step.kind, "streams": streams, **self.found.facts(step)}
        chained = i > 1 and self.reads[i - 2][2] is one and self.reads[i - 1][2] is other
        self.found.add_layers(described, dict(zip(streams, (step, step_of_other))), chained)
        return 2

    def add_round(self, i: int) -> int:
        """Adds one layer for each stream of a bottleneck; returns their number."""
        found = self.rounds[i]
        end = i + len(found.steps)
        reads = self.reads[i:end]
        bottleneck = reads[0][1]
        assert bottleneck is not None
        if any(self.found.facts(step) != self.found.facts(found.steps[0]) for step in found.steps):
            expected = "layers of one kind around a bottleneck"
            raise ExportError(f"'{found.steps[0].path}'", expected, "layers that differ", BY_HAND)
        if max(value.last_read for value in (bottleneck, *(query for query, _, _ in reads))) >= end:
            expected = "streams around a bottleneck whose tokens nothing else reads"
            raise ExportError(f"'{found.steps[0].path}'", expected, "a stream that a later layer reads too", BY_HAND)
        streams = [self.stream(query) for query, _, _ in reads]
        self.means[i].stream = self.stream(bottleneck)
        described = {"kind": "bottleneck", "streams": streams, "bottleneck": bottleneck.stream}
        for (_, _, left), stream in zip(reads, streams):
            left.stream = stream
        before = self.reads[max(0, i - len(reads)) : i]
        chained = [left for _, _, left in before] == [query for query, _, _ in reads]
        self.found.add_layers({**described, **self.found.facts(found.steps[0])}, dict(zip(streams, found.steps)), chained)
        return len(reads)

    def value(self, tokens: Tensor, reader: int, what: str) -> Value:
        """The value of these tokens, which step `reader` reads; refuses tokens that cannot be explained."""
        known = self.values.explained(tokens)
        if known is None:
            expected = f"{what} to be outputs of layers, projected features and learned tokens, one after another or side by side"
            got = f"{list(tokens.shape)} other numbers"
            raise ExportError(self.subject, expected, got, f"other operations cannot be described; {BY_HAND}")
        self.mark_read(known, reader)
        return known

    def mark_read(self, value: Value, reader: int) -> None:
        if value.last_read < 0:  # a join takes its parts when it is first read, so they are read now
            for kind, part in value.pieces:
                if kind == "value":
                    self.mark_read(part, reader)
        value.last_read = max(value.last_read, reader)

    def stream(self, value: Value) -> str:
        """The stream that holds a value. It is made when it is asked for the first time."""
        if not value.stream:
            kinds = [kind for kind, _ in value.pieces]
            if value.form != "join" or "value" in kinds or "learned" in kinds[1:]:
                value.stream = self.composed_stream(value)
            else:
                value.stream = self.own(value)
        return value.stream

    def composed_stream(self, value: Value) -> str:
        """Makes a stream from other streams."""
        parts = [self.stream(self.values.piece(piece)) for piece in value.pieces]
        if value.form == "pool":
            return self.found.add_stream(
                {"name": self.found.free(f"{parts[0]}_vector"), "pool": parts[0], "pooling": value.pooling}, value.tokens
            )
        name = self.found.free({"join": "joined", "concat": "concatenated"}[value.form])
        return self.found.add_stream({"name": name, value.form: parts}, value.tokens)

    def own(self, value: Value) -> str:
        """Makes a stream of learned tokens and modalities."""
        modalities = [kind for kind, _ in value.pieces if kind != "learned"]
        learned = len(modalities) < len(value.pieces)
        name = value.name if not modalities else f"{modalities[0]}_learned" if learned else modalities[0]
        stream: dict[str, Any] = {"name": self.found.free(name)}
        table = self.values.tables.get(value.positions)
        for kind, of_kind in value.pieces:
            if kind == "learned":
                tensor, path = self.learned(of_kind), of_kind
                if table is not None:
                    tensor = tensor.reshape(-1, tensor.shape[-1]).float().cpu()
                    tensor, path = tensor + table[: len(tensor)], f"{of_kind}.{value.positions}"
                stream |= {"learned_tokens": tensor.numel() // tensor.shape[-1], "tensor": path}
                self.found.tensors[path] = tensor
            else:
                if table is not None:
                    first = stream.get("learned_tokens", 0)
                    self.found.positions |= position_tables({kind: table[first:]})
                self.found.sources[kind] = of_kind
                self.found.prefixes |= of_kind.prefixes(kind)
                self.found.tensors |= of_kind.tensors(self.parts, kind, self.steps[0].config)
        if modalities:
            stream["modalities"] = modalities
        return self.found.add_stream(stream, value.tokens)

    def learned(self, name: str) -> Tensor:
        """Learned tokens as the module stores them, or as the run computed them."""
        owner, _, leaf = name.rpartition(".")
        stored = getattr(self.parts.get(owner), leaf, None)
        return stored.detach() if isinstance(stored, Tensor) else self.values.constants[name]
