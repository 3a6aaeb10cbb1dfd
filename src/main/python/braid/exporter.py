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

    What is no model's stays in a directory that is there.

    `module` is a Hugging Face FLAVA, VisualBERT, ViLT or LXMERT model, or any module that projects each modality by a Linear
    (or not at all), concatenates them and runs one stack of encoder layers over them, or runs stacks of encoder, decoder
    and cross-attention layers over several streams of tokens. A module of one's own is run on
    the sample in float32, without autocast, row by row, unpadded, on a copy on the CPU, in which what torch.compile and
    data-parallel wrappers wrap is in their place; its parts are found by what they read and compute. The directory is
    written only where its description, run by itself, gives the module's numbers.

    `sample` holds a few rows: per modality a sequence of [tokens, feature size] each, {"visual": [...], "text": [...]}.
    Rows of a padded batch are cut first: `[x[:n] for x, n in zip(batch, lengths)]`. Rows of several lengths prove most;
    where all rows have one length, every second one is cut shorter, and a row alone followed by its shorter copy.

    A modality of token ids has rows of integers, [tokens], which an nn.Embedding of the module reads. Embeddings of positions
    and types that the module calls are found, and a norm of their sum; positions that are a parameter are named.

    Boxes [tokens, box size] next to the features of 'visual' are 'visual.boxes' in the sample; `forward` takes them by the name
    `visual_boxes`, or in the sample's order. The table `pairs.parquet` has them in `visual_boxes`.

    Rows of [feature size], without an axis of tokens, are for a module that takes one vector per modality, [1, feature size]
    each, and returns the fused vector: torch.fx traces it, and its operations become the steps of a `vector_fusion`. Only
    `call` applies to it.

    What running does not find can be named, in the words of config.json; none of it applies to Hugging Face models:

    call: runs the module on one row, `call(module, row)`, where `forward` does not take [1, tokens, feature size] of
        each modality by name or in the sample's order. Tokens that it returns must be the encoder's output, and a
        vector of hidden size those tokens pooled.
    encoder: the stack to export, where there are several.
    final_layer_norm: the norm after layers that are in no nn.TransformerEncoder and no Llama-like model.
    heads: of layers written from scratch that do not tell.
    projections: the Linear of a modality, or None where its features enter as they are.
    cls_token, modality_embeddings, position_embeddings, embedding_layer_norm: what is added to the projected features;
        a row per modality in token order, a row per position: one table for the positions in each modality or in the
        concatenated tokens, or a table for each modality that has one. Sinusoids and embeddings that the module calls are
        found.
    pooler: the Linear of tanh(Linear(first token)).
    pooling: `none`, `cls`, `mean`, `max`, `last` or `pooler`, needed where the module returns neither tokens nor a
        vector of hidden size, or a vector that several of them give. A vector tells how it is pooled; with tokens alone
        it is `pooler` if named, else `mean`.

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
    """Refuses the names of parts that a module of one vector per modality does not have."""
    superfluous = [name for name, value in vars(named).items() if value is not None and name != "call"]
    if superfluous:
        expected = "no named part of a module that takes one vector per modality"
        raise ExportError(f"'{type(model).__name__}'", expected, quoted(superfluous))


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ExportError(f"tensor '{name}'", "finite numbers", "NaN or infinity")


def save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes tensors that may share memory, each as a copy of its own."""
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    save_file(copies, path, metadata={"format": "pt"})
