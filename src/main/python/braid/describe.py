"""Describes a module of one's own as a `fusion_encoder` directory, and proves the description. Start at `describe`.

Dimension letters: S tokens of a modality in a row, D hidden size.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Union

import torch
from torch import Tensor, nn

from braid.dataflow import has_cross_attention
from braid.encoder import Encoder, linear_tensors, norm_tensors, read_encoder
from braid.errors import ExportError, quoted
from braid.golden import TOLERANCE, Row, RowOutput, error
from braid.reference import Reference
from braid.returned import pooling
from braid.settings import settled
from braid.stacks import find_stack, norm_of
from braid.streams import describe_streams
from braid.trace import Call, Trace, plain_run, trace_rows
from braid.wrappers import Parts, parts_of, path_of, unwrapped

#: Learned rows: an embedding, or a tensor whose last axis has the hidden size.
Table = Union[nn.Embedding, Tensor]


#: What can be named of a module of several streams.
_OF_STREAMS = {"call", "heads", "pooling", "modality_embeddings", "position_embeddings"}


@dataclass(frozen=True)
class Named:
    """What the caller names of a module, in the words of config.json; None is found by running it, or absent."""

    call: Call | None = None
    encoder: nn.Module | None = None
    final_layer_norm: nn.Module | None = None
    heads: int | None = None
    projections: Mapping[str, nn.Linear | None] | None = None
    cls_token: Tensor | None = None
    modality_embeddings: Table | None = None
    position_embeddings: Table | Mapping[str, Table] | None = None
    embedding_layer_norm: nn.Module | None = None
    pooler: nn.Linear | None = None
    pooling: str | None = None


@dataclass(frozen=True)
class Description:
    """What is written: config.json, the tensors, and what the module itself made of the sample's rows.

    Attention, which a module does not tell, is the description's, proven by the layers' outputs.
    """

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    outputs: list[RowOutput]


def describe(module: nn.Module, rows: list[Row], named: Named) -> Description:
    """Finds the parts of the module, runs it on every row, and proves that config and tensors compute the same."""
    parts = parts_of(module)
    with plain_run():
        running = unwrapped(module).to("cpu", torch.float32).eval()
        try:
            return describe_stream(parts, running, rows, named)
        except ExportError as of_one_stream:
            given = {name for name, value in vars(named).items() if value is not None}
            if given - _OF_STREAMS:
                raise
            try:
                tables = stream_tables(parts, rows, named)
                ways = named.call, named.heads, named.pooling
                return Description(*describe_streams(parts, running, rows, tables, *ways))
            except ExportError as of_several:
                raise (of_several if has_cross_attention(parts) else of_one_stream) from None


def describe_stream(parts: Parts, running: nn.Module, rows: list[Row], named: Named) -> Description:
    """A module of one stack of layers over the tokens of all modalities."""
    subject = f"'{type(parts['']).__name__}'"
    stack = find_stack(parts, running, rows[0], named.call, named.encoder)
    norm = named.final_layer_norm
    norm_path = norm_of(stack.layers[-1], parts) if norm is None else path_of(parts, norm, "final_layer_norm")
    encoder = read_encoder(parts, stack.path, stack.layers, norm_path, named.heads)
    traces = trace_rows(running, encoder, rows, named.call)
    encoder = settled(parts, encoder, traces, named.heads)
    config, tensors = embedding(parts, encoder, rows, traces, named)
    shares = prove(subject, encoder, Reference(config, tensors), rows, traces)
    pooled = named.pooling, named.pooler is not None
    config["pooling"] = pooling(subject, encoder, Reference(config, tensors), traces, *pooled)
    pool = Reference(config, tensors).pool
    outputs = [RowOutput(t.layers, t.fused, pool(t.fused), of_row) for t, of_row in zip(traces, shares)]
    return Description(config, tensors, outputs)


def embedding(
    parts: Parts, encoder: Encoder, rows: list[Row], traces: list[Trace], named: Named
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and tensors: of all orders of modalities and Linears that read them, those that made the tokens."""
    subject = f"'{type(parts['']).__name__}'"
    extra_config, extra_tensors = extras(subject, encoder, list(rows[0]), named)
    candidates = projections(parts, encoder, rows[0], traces, named)
    best: tuple[float, Reference] | None = None
    positions = position_kinds(subject, encoder.config["hidden_size"], rows, named)
    for (kind, tables), order in itertools.product(positions, itertools.permutations(rows[0])):
        for choice in itertools.product(*(candidates[name] for name in order)):
            prefixes = {name: path for name, path in zip(order, choice) if path is not None}
            tensors = {**encoder.tensors, **extra_tensors, **tables}
            for name, path in prefixes.items():
                tensors.update(linear_tensors(f"the projection of '{name}'", parts[path], path))
            if encoder.path:
                prefixes["encoder"] = encoder.path
            config = {
                "model_type": "fusion_encoder",
                "modalities": [{"name": name, "feature_size": rows[0][name].shape[1]} for name in order],
                **encoder.config,
                **extra_config,
                "position_embeddings": kind,
                "pooling": "none",
                "tensor_prefixes": prefixes,
            }
            reference = Reference(config, tensors)
            apart = max(error(reference.embed(row), t.entering) for row, t in zip(rows, traces))
            if apart <= TOLERANCE:
                return config, tensors
            if kind == positions[0][0] and (best is None or apart < best[0]):
                best = apart, reference
    assert best is not None
    refuse_embedding(subject, encoder, best[1], rows, [t.entering for t in traces])


def projections(
    parts: Parts, encoder: Encoder, row: Row, traces: list[Trace], named: Named
) -> dict[str, list[str | None]]:
    """Per modality the paths of what may project it: named, or read its features in every row; None: as it is."""
    subject = f"'{type(parts['']).__name__}'"
    given = named.projections or {}
    if not set(given) <= set(row):
        raise ExportError(subject, f"modalities of the sample, {quoted(row)} (projections=)", quoted(given))
    hidden = encoder.config["hidden_size"]
    found: dict[str, list[str | None]] = {}
    for name, features in row.items():
        size = features.shape[1]
        if name in given:
            linear = given[name]
            found[name] = [None if linear is None else path_of(parts, linear, f"projections['{name}']")]
        else:
            readers = [path for path in traces[0].readers[name] if all(path in t.readers[name] for t in traces)]
            found[name] = [path for path in readers if parts[path].out_features == hidden]
            if size == hidden:
                found[name].append(None)
        if not found[name] or (found[name] == [None] and size != hidden):
            expected = f"a Linear({size}, {hidden}) that reads the features of '{name}' as the sample holds them"
            hint = f"pass projections={{'{name}': module.<its Linear>}}, or the features as they enter that Linear"
            raise ExportError(subject, expected, "none", hint)
    return found


def extras(subject: str, encoder: Encoder, names: list[str], named: Named) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config keys and tensors of what the caller names beside projections and encoder."""
    tensors: dict[str, Tensor] = {}
    hidden = encoder.config["hidden_size"]

    if named.cls_token is not None:
        tensors["cls_token"] = table(subject, hidden, "cls_token", named.cls_token).reshape(1, 1, -1)
    if named.modality_embeddings is not None:
        tensors["modality_embeddings.weight"] = modality_rows(subject, hidden, names, named.modality_embeddings)
    if named.embedding_layer_norm is not None:
        norm = named.embedding_layer_norm
        tensors.update(norm_tensors("the embedding_layer_norm", norm, encoder.config, "embedding_layer_norm"))
    if named.pooler is not None:
        tensors.update(linear_tensors("the pooler", named.pooler, "pooler.dense"))
    config = {
        "cls_token": named.cls_token is not None,
        "modality_embeddings": named.modality_embeddings is not None,
        "embedding_layer_norm": named.embedding_layer_norm is not None,
    }
    return config, tensors


def table(subject: str, hidden: int, argument: str, value: Table) -> Tensor:
    """Learned rows as [rows, D]."""
    weight = (value.weight if isinstance(value, nn.Embedding) else value).detach()
    if weight.numel() == 0 or weight.shape[-1] != hidden:
        raise ExportError(subject, f"rows of {hidden} numbers ({argument}=)", str(list(weight.shape)))
    return weight.reshape(-1, hidden)


def modality_rows(subject: str, hidden: int, names: list[str], value: Table) -> Tensor:
    """A row per modality."""
    weight = table(subject, hidden, "modality_embeddings", value)
    if len(weight) < len(names):
        raise ExportError(subject, f"{len(names)} rows (modality_embeddings=)", str(len(weight)))
    return weight[: len(names)]


def stream_tables(parts: Parts, rows: list[Row], named: Named) -> dict[str, Tensor]:
    """The tensors of the tables that are named of a module of several streams, all of one hidden size."""
    subject, names = f"'{type(parts['']).__name__}'", list(rows[0])
    kinds, positions = named.modality_embeddings, named.position_embeddings
    tables: dict[str, Tensor] = {}
    if kinds is not None:
        hidden = (kinds.weight if isinstance(kinds, nn.Embedding) else kinds).shape[-1]
        tables["modality_embeddings.weight"] = modality_rows(subject, hidden, names, kinds)
    if positions is not None:
        first = positions if isinstance(positions, (nn.Embedding, Tensor)) else next(iter(positions.values()))
        hidden = (first.weight if isinstance(first, nn.Embedding) else first).shape[-1]
        ((_, of_modalities), *_) = position_kinds(subject, hidden, rows, named)
        tables |= of_modalities
    return tables


def position_kinds(
    subject: str, hidden: int, rows: list[Row], named: Named
) -> list[tuple[bool | str, dict[str, Tensor]]]:
    """The values of `position_embeddings` to try, with their tensors: those of a named table, else none and sinusoids."""
    names, positions = list(rows[0]), named.position_embeddings
    row_differs = len(names) > 1 or named.cls_token is not None
    if positions is None:
        sinusoids = ["sinusoidal", "sinusoidal_concatenated"] if row_differs else ["sinusoidal"]
        return [(False, {}), *((kind, {}) for kind in sinusoids if hidden % 2 == 0)]
    by_name: dict[str, Table]
    if isinstance(positions, (nn.Embedding, Tensor)):
        by_name = dict.fromkeys(names, positions)
    else:  # a mapping, or nn.ModuleDict and nn.ParameterDict, which are none
        by_name = dict(positions.items())
    if set(by_name) != set(names):
        raise ExportError(subject, f"a table for each of {quoted(names)} (position_embeddings=)", quoted(by_name))
    tables = {name: table(subject, hidden, "position_embeddings", value) for name, value in by_name.items()}
    kinds: list[tuple[bool | str, dict[str, Tensor]]] = [
        (True, {f"position_embeddings.{name}.weight": weight for name, weight in tables.items()})
    ]
    longest = max(sum(map(len, row.values())) for row in rows) + (named.cls_token is not None)
    if isinstance(positions, (nn.Embedding, Tensor)) and row_differs and len(tables[names[0]]) >= longest:
        kinds.append(("concatenated", {"position_embeddings.weight": tables[names[0]]}))
    return kinds


def refuse_embedding(
    subject: str, encoder: Encoder, reference: Reference, rows: list[Row], entered: list[Tensor]
) -> NoReturn:
    """Says what the tokens that enter the encoder have that the described ones have not."""
    described = [reference.embed(row) for row in rows]
    expected = f"the projected features of {quoted(rows[0])}, one after another, to enter '{encoder.layers[0]}'"
    for i, (x, own) in enumerate(zip(entered, described)):
        if x.shape != own.shape:
            hint = "pass cls_token= where the first is a learned token" if len(x) == len(own) + 1 else ""
            raise ExportError(subject, expected, f"{len(x)} tokens, not {len(own)}, in row {i}", hint)
    deltas: dict[str, list[Tensor]] = {modality["name"]: [] for modality in reference.config["modalities"]}
    size = torch.cat(entered).square().mean().sqrt()
    for row, x, own in zip(rows, entered, described):
        delta = (x - own) / size
        of_modalities = delta[1:] if reference.config["cls_token"] else delta
        parts = torch.split(of_modalities, [len(row[name]) for name in deltas])
        for name, part in zip(deltas, parts):
            deltas[name].append(part)
    if all(alike([part[i : i + 1] for part in parts for i in range(len(part))]) for parts in deltas.values()):
        hint = "a row is added to every token of a modality: pass modality_embeddings="
    elif all(alike(parts) for parts in deltas.values()):
        hint = "a row is added at each position: pass position_embeddings="
    else:
        hint = (
            "pass cls_token=, modality_embeddings=, position_embeddings= or embedding_layer_norm= where the module has "
            "them; other operations between projections and encoder cannot be described"
        )
    apart = max(error(own, x) for x, own in zip(entered, described))
    raise ExportError(subject, expected, f"tokens that are {apart:.1e} apart from them", hint)


def alike(parts: list[Tensor]) -> bool:
    """Whether tensors [S, D] of several S hold the same rows as far as both go, to within the tolerance."""
    longest = max(parts, key=len)
    return len(parts) > 1 and all(float((part - longest[: len(part)]).abs().max()) <= TOLERANCE for part in parts)


def prove(
    subject: str, encoder: Encoder, reference: Reference, rows: list[Row], traces: list[Trace]
) -> list[Tensor | None]:
    """Compares every layer and the fused tokens of the module with the description's, whose attention it returns."""
    attention = []
    for i, (row, found) in enumerate(zip(rows, traces)):
        described = reference.run(row)
        names = [f"the output of '{path}'" for path in encoder.layers] + ["the fused tokens"]
        for name, x, own in zip(names, [*found.layers, found.fused], [*described.layers, described.fused]):
            apart = error(x, own)
            if not apart <= TOLERANCE:
                wanted = f"{name} within {TOLERANCE:.0e} of what the layer's parts compute"
                hint = "attention masks and a layer's own operations cannot be described"
                raise ExportError(subject, wanted, f"{apart:.1e} apart in row {i}", hint)
        attention.append(described.attention)
    return attention
