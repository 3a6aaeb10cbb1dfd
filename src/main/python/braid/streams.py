"""Describes a module of several streams as a `fusion_encoder` directory, and proves the description.

Start at `describe_streams`. Dimension letter: D hidden size.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from braid.dataflow import LayerRun, Run, layer_runs, record
from braid.errors import ExportError, quoted
from braid.golden import POOLINGS, TOLERANCE, Row, RowOutput, error, modalities_of, same
from braid.reference import with_tables
from braid.settings import BY_HAND
from braid.sources import Source, embedding_tables, refuse_ambiguous_ids, sources, with_positions
from braid.stream_keys import Topology
from braid.stream_reference import StreamReference
from braid.topology import Builder
from braid.trace import Call, callers
from braid.values import Value
from braid.wrappers import Parts

#: The config, the tensors, and the outputs of every row.
Streams = tuple[dict[str, Any], dict[str, Tensor], list[RowOutput]]


class OneStreamError(ExportError):
    """The layers of a module are of one stream: `describe_stream` describes it."""


def describe_streams(
    parts: Parts, running: nn.Module, rows: list[Row], tables: dict[str, Tensor], call: Call | None,
    heads: int | None, pooling: str | None, fewest: int,
) -> Streams:  # fmt: skip
    """Finds streams and stacks in the run of one row, and proves them on every row.

    The row is the one with the most tokens in its shortest modality.

    `tables` are the tensors that are added to the projected features.
    """
    subject = f"'{type(parts['']).__name__}'"
    batch_first = all(part.batch_first for part in parts.values() if isinstance(part, nn.MultiheadAttention))
    runs = record_rows(subject, running, rows, callers(call, batch_first))
    telling = max(range(len(rows)), key=lambda i: min(map(len, rows[i].values())))
    row, run = rows[telling], runs[telling]
    refuse_ambiguous_ids(subject, rows)
    made = sources_of(parts, rows, runs, telling, tables)
    kept = list(range(len(layer_runs(parts, run, heads))))
    while True:
        ran = layer_runs(parts, run, heads)
        ran = [ran[i] for i in kept]
        builder = Builder(subject, parts, running, run, ran, made)
        output = output_of(subject, builder, run, pooling)
        dead = builder.dead(output)
        spare = builder.spare(dead)
        if not spare:
            break
        kept = [number for i, number in enumerate(kept) if i not in spare]
    if dead:
        expected = "layers that what the module returns depends on"
        got = f"'{ran[dead[0]].path}', whose tokens nothing reads"
        raise ExportError(subject, expected, got, f"pass a call= without it; or {BY_HAND}")
    topology = builder.assemble(output)
    if len(topology.streams) < fewest:
        raise OneStreamError(subject, "several streams", "one", BY_HAND)
    config = config_of(subject, parts, topology, row, output, tables)
    for each, of_row in zip(rows, runs):
        if each is row or min(map(len, each.values())) > 1:  # a row of one token can be explained in several ways
            of_layers = ran
            if each is not row:
                all_layers = layer_runs(parts, of_row, heads)
                of_layers = [all_layers[i] for i in kept]
            prove_layers(config, topology.tensors, each, of_layers, builder.leading())
    return prove_rows(subject, config, topology.tensors, rows, runs, pooling)


def record_rows(subject: str, running: nn.Module, rows: list[Row], ways: list[Call]) -> list[Run]:
    """The runs of all rows, in the first way to call the module that works for all."""
    failure: Exception | None = None
    for run in ways:
        try:
            return [record(running, row, run) for row in rows]
        except Exception as raised:  # the caller must see whatever the module raises
            failure = raised
    got = f"{type(failure).__name__}: {failure}"
    raise ExportError(subject, "forward to take a row of the sample", got, "pass call=") from failure


def sources_of(
    parts: Parts, rows: list[Row], runs: list[Run], number: int, tables: dict[str, Tensor]
) -> dict[str, dict[Source, Tensor]]:
    """For each modality, what may make its tokens in every row, with row `number`'s tokens, named tables added."""
    adding = {"modalities": [{"name": name} for name in modalities_of(rows[0])], **table_keys(modalities_of(rows[0]), tables)}
    tables = {name: table.to("cpu", torch.float32) for name, table in tables.items()}
    hidden = {table.shape[1] for table in tables.values()}
    found = {}
    for i, name in enumerate(modalities_of(rows[0])):

        def add(tokens: Tensor, i: int = i) -> Tensor:
            return with_tables(adding, tables, i, tokens) if tokens.shape[1] in hidden else tokens

        of_name = sources(parts, [(run.events, row) for run, row in zip(runs, rows)], name, add)
        found[name] = {source: tokens[number] for source, tokens in of_name.items() if not (tables and (source.row or source.positions))}
    return found


def table_keys(names: list[str], tables: dict[str, Tensor]) -> dict[str, Any]:
    """The keys of config.json that say which tables are added to the tokens of modalities."""
    return {
        "modality_embeddings": "modality_embeddings.weight" in tables,
        "position_embeddings": with_positions(names, tables),
    }


def output_of(subject: str, builder: Builder, run: Run, pooling: str | None) -> list[Value]:
    """The values that are the fused tokens: those returned, those pooled, or all that no layer reads."""
    left = builder.left()
    flat = [x.reshape(-1, x.shape[-1]) for x in run.returned if x.dim() in (2, 3) and x.is_floating_point()]
    composed = [values for values in map(builder.values.composed, flat) if values]
    # A module may return states between its layers, too. They are not fused tokens if it also returns final ones.
    composed = [values for values in composed if set(values) & set(left)] or composed
    if composed:
        return list(dict.fromkeys(value for values in composed for value in values))
    for count in range(1, len(left) + 1):
        for values in itertools.combinations(left, count):
            if len({value.tokens.shape[1] for value in values}) > 1:
                continue
            fused = torch.cat([value.tokens for value in values])
            pooled = [pool(fused) for pool in POOLINGS.values()]
            if any(same(x, y) for x in vectors(run, fused.shape[1]) for y in pooled):
                return list(values)
    for x in flat:
        made = builder.values.from_pieces(x) if len(x) > 1 else None
        if made is not None:
            return [made]
    returned = [x.reshape(1, -1).float() for x in run.returned if x.dim() and x.numel() == x.shape[-1] and x.is_floating_point()]
    for x in returned:
        vector = builder.values.vector(x)
        if vector is not None:
            return [vector]
    if pooling is not None:
        return left
    shapes = ", ".join(str(list(x.shape)) for x in run.returned) or "no tensor"
    expected = "the module to return tokens that its layers leave, a vector that pools them, or such vectors side by side"
    hint = f"pass pooling=, one of {quoted([*POOLINGS, 'none'])}, which takes all tokens that no layer reads{head_hint(builder, run)}"
    raise ExportError(subject, expected, shapes, f"{hint}; or {BY_HAND}")


def head_hint(builder: Builder, run: Run) -> str:
    """The hint to return the pooled vectors that a part reads side by side; empty if there is no such part."""
    for event in run.events:
        x = event.inputs[0]
        if x.is_floating_point() and len(x) == 1 and builder.values.vector(x) is not None:
            return f", or a call= that returns the vector of {x.shape[1]} numbers that '{event.path}' reads"
    return ""


def vectors(run: Run, hidden: int) -> list[Tensor]:
    """The returned vectors of hidden size."""
    return [x.reshape(hidden).float() for x in run.returned if x.dim() and x.numel() == hidden == x.shape[-1]]


def config_of(
    subject: str, parts: Parts, topology: Topology, row: Row, output: list[Value], tables: dict[str, Tensor]
) -> dict[str, Any]:
    """The whole config. Adds the named tables, and those that were found, to the topology's tensors."""
    in_streams = [name for stream in topology.streams for name in stream.get("modalities", [])]
    unread = [name for name in modalities_of(row) if name not in in_streams]
    if unread:
        expected = "every modality of the sample to enter a layer"
        raise ExportError(subject, expected, f"{quoted(unread)}, which does not", "leave it out of the sample")
    groups = [group for name in topology.output for group in topology.groups_of(name)]
    sizes = {value.tokens.shape[1] for value in output}
    if len(set(groups)) < len(groups) or len(sizes) > 1:
        got = f"{quoted(groups)} of hidden sizes {sorted(sizes)}"
        raise ExportError(subject, "fused tokens of one hidden size that hold each stream once", got, BY_HAND)
    for stream in topology.streams:
        held = topology.groups_of(stream["name"])
        if len(set(held)) < len(held):
            expected = f"the joined stream '{stream['name']}' to hold every modality once"
            raise ExportError(subject, expected, quoted(held), BY_HAND)
        beside = [part for part in stream.get("concat", []) if not topology.is_one_vector(part)]
        held_by = {tuple(topology.groups_of(part)) for part in beside}
        if len(held_by) > 1:
            expected = f"features side by side in '{stream['name']}' to be those of the same tokens"
            raise ExportError(subject, expected, f"those of {' and '.join(quoted(of) for of in held_by)}", BY_HAND)
    chosen = {name: topology.sources[name] for name in modalities_of(row)}
    hidden = {name: stream["hidden_size"] for stream in topology.streams for name in stream.get("modalities", [])}
    tables = {**tables, **embedding_tables(parts, chosen), **topology.positions}
    if "modality_embeddings.weight" in tables and len(set(hidden.values())) > 1:
        expected = "rows of modalities that are added to tokens of one size"
        raise ExportError(subject, expected, f"sizes {sorted(set(hidden.values()))}", BY_HAND)
    topology.tensors |= tables
    return {
        "model_type": "fusion_encoder",
        "modalities": [source.modality(parts, name, row, hidden[name]) for name, source in chosen.items()],
        "hidden_size": sizes.pop(),
        "num_attention_heads": topology.stacks[0]["num_attention_heads"],
        "hidden_act": next((stack["hidden_act"] for stack in topology.stacks if "hidden_act" in stack), "relu"),
        **{key: value for key, value in topology.shared.items() if value is not None},
        **table_keys(modalities_of(row), tables),
        "streams": topology.streams,
        "stacks": topology.stacks,
        "output": topology.output,
        "pooling": "none",
        "tensor_prefixes": topology.prefixes,
    }


def prove_layers(
    config: dict[str, Any], tensors: dict[str, Tensor], row: Row, ran: list[LayerRun], leading: dict[int, int]
) -> None:
    """Compares every layer with the description's. `leading` says how many tokens of a bottleneck come first in the
    module; in the description they come last.
    """
    for i, (step, own) in enumerate(zip(ran, StreamReference(config, tensors).run(row).layers)):
        deviation = error(step.layer_output.roll(-leading.get(i, 0), 0), own)
        if not deviation <= TOLERANCE:
            expected = f"an output within {TOLERANCE:.0e} of what the parts of a {step.kind} layer compute"
            hint = f"attention masks and a layer's own operations cannot be described; {BY_HAND}"
            raise ExportError(f"'{step.path}'", expected, f"{deviation:.1e} apart", hint)


def prove_rows(
    subject: str, config: dict[str, Any], tensors: dict[str, Tensor], rows: list[Row], runs: list[Run],
    named: str | None,
) -> Streams:  # fmt: skip
    """Compares what the module returned for every row with the description's outputs, and finds the pooling."""
    reference = StreamReference(config, tensors)
    described = [reference.run(row) for row in rows]
    for i, (run, own) in enumerate(zip(runs, described)):
        shaped = [x for x in run.returned if x.dim() > 1 and len(own.fused) > 1 and x.numel() == own.fused.numel()]
        deviation = min((error(x.reshape(own.fused.shape).float(), own.fused) for x in shaped), default=0.0)
        if not deviation <= TOLERANCE:
            expected = "the tokens that the module returns to be those of the description"
            raise ExportError(subject, expected, f"others, {deviation:.1e} apart in row {i}", BY_HAND)
    returned = [vectors(run, config["hidden_size"]) for run in runs]
    agreeing = [
        name
        for name, pool in POOLINGS.items()
        if all(any(error(x, pool(own.fused)) <= TOLERANCE for x in of) for of, own in zip(returned, described))
    ]
    if named is not None and named != "none" and (named not in POOLINGS or (all(returned) and named not in agreeing)):
        known = agreeing or list(POOLINGS)
        raise ExportError(subject, f"one of {quoted([*known, 'none'])} (pooling=)", f"'{named}'")
    if named is None and len(agreeing) > 1 and not reference.has_one_token():
        expected = "the vector that the module returns to tell how it pools the fused tokens"
        hint = "pass pooling=, or rows of several tokens"
        raise ExportError(subject, expected, f"one that {quoted(agreeing)} give alike", hint)
    if named is None and all(returned) and not agreeing:
        expected = f"the vector that the module returns to pool the fused tokens by one of {quoted(POOLINGS)}"
        raise ExportError(subject, expected, "another", "pass pooling= and a call= that returns no vector")
    config["pooling"] = named or (agreeing[0] if agreeing else "mean")
    pool = StreamReference(config, tensors).pool
    outputs = [RowOutput(own.layers, own.fused, pool(own.fused), own.attention) for own in described]
    return config, tensors, outputs
