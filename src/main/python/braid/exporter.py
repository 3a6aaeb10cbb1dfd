"""`export`: writes a PyTorch module as the model directory that Braid reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from braid import huggingface
from braid.describe import Description, describe
from braid.directories import replaced
from braid.errors import ExportError, quoted
from braid.golden import Row, Sample, example_table, golden_tensors, read_rows
from braid.graphs import describe_vectors, takes_vectors
from braid.lengths import proven
from braid.named import Named, Table
from braid.trace import Call
from braid.wrappers import refuse_sharded, wrapped_by


def export(
    module: nn.Module,
    directory: str | os.PathLike[str],
    sample: Sample,
    *,
    call: Call | None = None,
    encoder: nn.Module | None = None,
    final_layer_norm: nn.Module | None = None,
    heads: int | None = None,
    projections: Mapping[str, nn.Linear | None] | None = None,
    cls_token: Tensor | None = None,
    modality_embeddings: Table | None = None,
    position_embeddings: Table | Mapping[str, Table] | None = None,
    embedding_layer_norm: nn.Module | None = None,
    pooler: nn.Linear | None = None,
    pooling: str | None = None,
) -> None:
    """Writes config.json, model.safetensors, golden.safetensors and pairs.parquet into `directory`, all or none.

    Other files in an existing directory stay.

    `module` is a Hugging Face FLAVA, VisualBERT, ViLT or LXMERT model, or any module of one of three kinds. The first
    projects each modality by a Linear (or not at all), concatenates the tokens and runs one stack of encoder layers
    over them. The second runs stacks of encoder, decoder and cross-attention layers over several streams of tokens.
    The third takes one vector per modality and is described below.
    Your own module is copied to the CPU and run on the sample in float32, without autocast, row by row, unpadded; in
    the copy, wrappers such as torch.compile's and those of data-parallel training are removed. Its parts are found by
    what they read and compute. The directory is written only if its description, run by itself, gives the module's
    numbers.

    `sample` holds a few rows: for each modality a list of sequences [tokens, feature size], {"visual": [...], "text":
    [...]}. Cut the rows of a padded batch first: `[x[:n] for x, n in zip(batch, lengths)]`. Rows of several lengths
    prove most. If all sequences of a modality have one length, every second one is cut shorter; a single row is
    followed by a shorter copy.

    A modality of token ids has rows of integers, [tokens], which an nn.Embedding of the module reads. If the module
    calls embeddings of positions and types, these and the norm of the sum are found. Positions that are a parameter
    must be named.

    Boxes [tokens, box size] that belong to the features of 'visual' are 'visual.boxes' in the sample. `forward` takes
    them by the name `visual_boxes`, or in the sample's order. The table `pairs.parquet` has them in `visual_boxes`.

    Rows of [feature size], without an axis of tokens, are for a module that takes one vector per modality, [1, feature
    size] each, and returns the fused vector. torch.fx traces it, and its operations become the steps of a
    `vector_fusion`. Of the arguments below, only `call` applies to it.

    Name what a run cannot show, in the words of config.json. None of these arguments applies to Hugging Face models:

    call: runs the module on one row, `call(module, row)`, if `forward` does not take [1, tokens, feature size] of each
        modality by name or in the sample's order. If it returns tokens, they must be the encoder's output; if it
        returns a vector of hidden size, it must be these tokens pooled.
    encoder: the stack to export, if there are several.
    final_layer_norm: the norm after layers that are in no nn.TransformerEncoder and no Llama-like model.
    heads: the number of heads, if the layers are hand-written and do not tell it.
    projections: the Linear of a modality, or None if its features are used unchanged.
    cls_token, modality_embeddings, position_embeddings, embedding_layer_norm: what is added to the projected features.
        Modality embeddings have a row per modality, in token order. Position embeddings have a row per position: one
        table for the positions in each modality or in the concatenated tokens, or a table for each modality that has
        one. Sinusoids, and embeddings that the module calls, are found.
    pooler: the Linear of tanh(Linear(first token)).
    pooling: `none`, `cls`, `mean`, `max`, `last` or `pooler`. Needed if the module returns neither tokens nor a vector
        of hidden size, or a vector that several of these give. A returned vector shows how it is pooled. If only tokens
        are returned, the default is `pooler` if a pooler is named, otherwise `mean`.

    Raises ExportError, which says what to name.
    """
    named = Named(
        call,
        encoder,
        final_layer_norm,
        heads,
        projections,
        cls_token,
        modality_embeddings,
        position_embeddings,
        embedding_layer_norm,
        pooler,
        pooling,
    )
    refuse_sharded(module)
    model = wrapped_by(module)
    kind = huggingface.kind_of(model)
    if kind is not None:
        superfluous = [name for name, value in vars(named).items() if value is not None]
        if superfluous:
            raise ExportError(f"'{type(model).__name__}'", "no named part of a Hugging Face model", quoted(superfluous))

    def describe_rows(rows: list[Row]) -> Description:
        if kind is None:
            return describe(model, rows, named)
        return Description({}, {}, huggingface.run(model, kind, rows))

    if kind is None and takes_vectors(sample):
        refuse_parts(model, named)
        rows, described = describe_vectors(model, sample, call)
    else:
        rows, described = proven(read_rows(sample), describe_rows)
    golden = golden_tensors(rows, described.outputs)
    check_finite({**described.tensors, **golden})
    with replaced(Path(directory)) as written:
        if kind is None:
            (written / "config.json").write_text(json.dumps(described.config, indent=2) + "\n", encoding="utf-8")
            save(written / "model.safetensors", described.tensors)
        else:
            huggingface.write(model, written)
        save(written / "golden.safetensors", golden)
        example_table(written / "pairs.parquet", {name: [row[name] for row in rows] for name in rows[0]})


def refuse_parts(model: nn.Module, named: Named) -> None:
    """Refuses named parts that a module of one vector per modality does not have."""
    superfluous = [name for name, value in vars(named).items() if value is not None and name != "call"]
    if superfluous:
        expected = "no named part of a module that takes one vector per modality"
        raise ExportError(f"'{type(model).__name__}'", expected, quoted(superfluous))


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ExportError(f"tensor '{name}'", "finite numbers", "NaN or infinity")


def save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes tensors that may share memory, each as a separate copy."""
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    save_file(copies, path, metadata={"format": "pt"})
