"""Describes your own module as a `fusion_encoder` directory, and proves the description. Start at `describe`.

Dimension letters: S tokens of a modality in a row, D hidden size.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from braid.dataflow import has_cross_attention
from braid.encoder import Encoder, linear_tensors, norm_tensors, published_in, read_encoder
from braid.errors import ExportError, NeitherWayError, quoted
from braid.golden import BOXES, TOLERANCE, Row, RowOutput, error, is_ids, modalities_of
from braid.named import OF_STREAMS, Named, modality_rows, position_kinds, stream_tables, table
from braid.reference import Reference, with_tables
from braid.returned import pooling
from braid.settings import BY_HAND, settled
from braid.sources import Source, embedding_tables, refuse_ambiguous_ids, sources, with_positions
from braid.stacks import NoStackError, SeveralStacksError, find_stack, norm_of
from braid.streams import OneStreamError, describe_streams
from braid.trace import Trace, plain_run, trace_rows
from braid.wrappers import Parts, parts_of, path_of, unwrapped

@dataclass(frozen=True)
class Description:
    """What is written: config.json, the tensors, and the module's own outputs for the sample's rows.

    A module does not return its attention shares, so these are the description's; the layers' outputs prove it.
    """

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    outputs: list[RowOutput]


def describe(module: nn.Module, rows: list[Row], named: Named) -> Description:
    """Finds the module's parts, runs it on every row, and proves that config and tensors compute the same numbers."""
    parts = parts_of(module)
    with plain_run():
        running = unwrapped(module).to("cpu", torch.float32).eval()
        try:
            return describe_stream(parts, running, rows, named)
        except ExportError as of_one_stream:
            given = {name for name, value in vars(named).items() if value is not None}
            if given - OF_STREAMS:
                raise
            try:
                tables = stream_tables(parts, rows, named)
                # If no class of layers is known, a single stream of layers is described as a model of streams, too.
                fewest = 1 if isinstance(of_one_stream, NoStackError) else 2
                ways = named.call, named.heads, named.pooling, fewest
                return Description(*describe_streams(parts, running, rows, tables, *ways))
            except ExportError as of_several:
                several = has_cross_attention(parts) and not isinstance(of_several, OneStreamError)
                if several and published_in(parts) is None:
                    raise of_several from None
                if isinstance(of_one_stream, SeveralStacksError):
                    raise NeitherWayError(of_one_stream, of_several) from None
                raise of_one_stream from None


def describe_stream(parts: Parts, running: nn.Module, rows: list[Row], named: Named) -> Description:
    """Describes a module with one stack of layers over the tokens of all modalities."""
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
    """Config and tensors of the tokens: of all orders of modalities and parts, those that make the module's tokens."""
    subject = f"'{type(parts['']).__name__}'"
    refuse_ambiguous_ids(subject, rows)
    extra_config, extra_tensors = extras(subject, encoder, modalities_of(rows[0]), named)
    hidden = encoder.config["hidden_size"]
    best: tuple[float, Reference] | None = None
    positions = position_kinds(subject, hidden, rows, named)
    for (kind, tables), order in itertools.product(positions, itertools.permutations(modalities_of(rows[0]))):
        adding = {
            "modalities": [{"name": name} for name in order],
            "modality_embeddings": named.modality_embeddings is not None,
            "position_embeddings": kind,
        }
        candidates = candidates_of(parts, hidden, adding, {**extra_tensors, **tables}, rows, traces, named)
        for choice in itertools.product(*(candidates[name] for name in order)):
            chosen = dict(zip(order, choice))
            if kind and any(source.positions for source in choice):
                continue
            found = embedding_tables(parts, chosen)
            tensors = {**extra_tensors, **tables, **found}
            for name, source in chosen.items():
                tensors |= source.tensors(parts, name, encoder.config)
            prefixes = {key: path for name, source in chosen.items() for key, path in source.prefixes(name).items()}
            if encoder.path:
                prefixes["encoder"] = encoder.path
            config = {
                "model_type": "fusion_encoder",
                "modalities": [source.modality(parts, name, rows[0], hidden) for name, source in chosen.items()],
                **encoder.config,
                **extra_config,
                "modality_embeddings": "modality_embeddings.weight" in tensors,
                "position_embeddings": kind or with_positions(order, tensors),
                "pooling": "none",
                "tensor_prefixes": prefixes,
            }
            reference = Reference(config, tensors)
            deviation = max(error(reference.embed(row), t.entering) for row, t in zip(rows, traces))
            if deviation <= TOLERANCE:
                return config, {**encoder.tensors, **tensors}
            if kind == positions[0][0] and (best is None or deviation < best[0]):
                best = deviation, reference
    assert best is not None
    refuse_embedding(subject, encoder, best[1], rows, [t.entering for t in traces])


def candidates_of(
    parts: Parts, hidden: int, adding: dict[str, Any], tables: dict[str, Tensor], rows: list[Row], traces: list[Trace],
    named: Named,
) -> dict[str, list[Source]]:  # fmt: skip
    """For each modality, what may make its tokens in every row; what the caller names narrows this down.

    `adding` says which of the caller's tables are added to the tokens.
    """
    subject = f"'{type(parts['']).__name__}'"
    given = named.projections or {}
    if not set(given) <= set(modalities_of(rows[0])):
        raise ExportError(subject, f"modalities of the sample, {quoted(modalities_of(rows[0]))} (projections=)", quoted(given))
    runs = [(trace.events, row) for trace, row in zip(traces, rows)]
    tables = {name: x.to("cpu", torch.float32) for name, x in tables.items()}
    candidates: dict[str, list[Source]] = {}
    for number, modality in enumerate(adding["modalities"]):
        name = modality["name"]

        def add(tokens: Tensor, number: int = number) -> Tensor:
            return with_tables(adding, tables, number, tokens) if tokens.shape[1] == hidden else tokens

        found = sources(parts, runs, name, add)
        fitting = [source for source, tokens in found.items() if tokens[0].shape[1] == hidden]
        if named.modality_embeddings is not None:
            fitting = [source for source in fitting if source.row is None]
        if name in given:
            linear = given[name]
            path = None if linear is None else path_of(parts, linear, f"projections['{name}']")
            fitting = [source for source in fitting if source.linear == path]
            if not fitting and path is not None and not is_ids(rows[0][name]) and name + BOXES not in rows[0]:
                fitting = [Source(linear=path)]
        if not fitting:
            raise unread(subject, name, rows[0], hidden)
        candidates[name] = fitting
    return candidates


def unread(subject: str, name: str, row: Row, hidden: int) -> ExportError:
    """The error for a modality from which nothing makes tokens."""
    x = row[name]
    if is_ids(x):
        expected = f"an nn.Embedding that reads the token ids of '{name}' as the sample holds them, for tokens of {hidden} numbers"
        return ExportError(subject, expected, "none", "pass the features that the module makes of the ids")
    if name + BOXES in row:
        joined = "sums or means of which, normalised or not, or one that reads both concatenated"
        expected = f"Linears to {hidden} numbers that read the features and the boxes of '{name}', {joined}"
        return ExportError(subject, expected, "none", f"boxes that other operations make tokens of cannot be described; {BY_HAND}")
    size = x.shape[1]
    expected = f"a Linear({size}, {hidden}) that reads the features of '{name}' as the sample holds them"
    hint = f"pass projections={{'{name}': module.<its Linear>}}, or the features as they enter that Linear"
    return ExportError(subject, expected, "none", hint)


def extras(subject: str, encoder: Encoder, names: list[str], named: Named) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config keys and tensors of the named CLS token, modality embeddings, embedding norm and pooler."""
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
        "embedding_layer_norm": named.embedding_layer_norm is not None,
    }
    return config, tensors


def refuse_embedding(
    subject: str, encoder: Encoder, reference: Reference, rows: list[Row], entered: list[Tensor]
) -> NoReturn:
    """Raises an error that says how the tokens that enter the encoder differ from the described ones."""
    described = [reference.embed(row) for row in rows]
    expected = f"the projected features of {quoted(modalities_of(rows[0]))}, one after another, to enter '{encoder.layers[0]}'"
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
    deviation = max(error(own, x) for x, own in zip(entered, described))
    raise ExportError(subject, expected, f"tokens that are {deviation:.1e} apart from them", hint)


def alike(parts: list[Tensor]) -> bool:
    """Whether tensors [S, D] hold the same rows, to within the tolerance, as far as each of them goes."""
    longest = max(parts, key=len)
    return len(parts) > 1 and all(float((part - longest[: len(part)]).abs().max()) <= TOLERANCE for part in parts)


def prove(
    subject: str, encoder: Encoder, reference: Reference, rows: list[Row], traces: list[Trace]
) -> list[Tensor | None]:
    """Compares every layer and the fused tokens with the description. Returns the description's attention shares."""
    attention = []
    for i, (row, found) in enumerate(zip(rows, traces)):
        described = reference.run(row)
        names = [f"the output of '{path}'" for path in encoder.layers] + ["the fused tokens"]
        for name, x, own in zip(names, [*found.layers, found.fused], [*described.layers, described.fused]):
            deviation = error(x, own)
            if not deviation <= TOLERANCE:
                wanted = f"{name} within {TOLERANCE:.0e} of what the layer's parts compute"
                hint = "attention masks and a layer's own operations cannot be described"
                raise ExportError(subject, wanted, f"{deviation:.1e} apart in row {i}", hint)
        attention.append(described.attention)
    return attention
