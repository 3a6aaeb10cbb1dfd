"""Runs Hugging Face's FLAVA, VisualBERT, ViLT and LXMERT on features or token ids, as Braid does. Start at `kind_of` and `run`.

Their directories describe themselves; nothing is imported from transformers here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn

from braid.errors import ExportError, quoted
from braid.golden import Row, RowOutput, attention_shares, is_ids
from braid.reference import ACTIVATIONS
from braid.trace import plain_run


#: Arguments of each model apart from its inputs.
_EVERYTHING: dict[str, Any] = {"return_dict": True, "output_attentions": True}


@dataclass(frozen=True)
class Kind:
    """One model type: how to run it on [1, tokens, size] of each modality, and where to find its layers and config."""

    forward: Callable[[Any, Row], Any]
    sizes: Callable[[Any], dict[str, int]]
    encoder: Callable[[Any], Any]
    #: The modalities in token order.
    order: tuple[str, str]
    #: Whether it embeds token ids.
    ids: bool = True

    def config(self, model: Any) -> Any:
        return self.encoder(model).config

    def layers(self, model: Any) -> list[tuple[nn.Module, int]]:
        """The layers, and the number of streams that each layer changes."""
        encoder = self.encoder(model)
        of_visual, of_both = getattr(encoder, "r_layers", []), getattr(encoder, "x_layers", [])  # LXMERT's
        return [*((layer, 1) for layer in (*encoder.layer, *of_visual)), *((layer, 2) for layer in of_both)]


def _text(text: Tensor) -> dict[str, Tensor]:
    return {"inputs_embeds" if text.is_floating_point() else "input_ids": text}


def _flava(model: Any, row: Row) -> Any:
    projected = [model.image_to_mm_projection(row["visual"]), model.text_to_mm_projection(row["text"])]
    return model.multimodal_model(torch.cat(projected, dim=1), **_EVERYTHING)


def _vilt(model: Any, row: Row) -> Any:
    mask = torch.ones(row["visual"].shape[:2])
    return model(**_text(row["text"]), image_embeds=row["visual"], pixel_mask=mask, **_EVERYTHING)


def _lxmert(model: Any, row: Row) -> Any:
    return model(**_text(row["text"]), visual_feats=row["visual"], visual_pos=row["visual.boxes"], return_dict=True)


KINDS = {
    "flava": Kind(
        _flava,
        lambda model: {
            "visual": model.image_to_mm_projection.in_features,
            "text": model.text_to_mm_projection.in_features,
        },
        lambda model: model.multimodal_model.encoder,
        ("visual", "text"),
        ids=False,
    ),
    "visual_bert": Kind(
        lambda model, row: model(**_text(row["text"]), visual_embeds=row["visual"], **_EVERYTHING),
        lambda model: {"visual": model.config.visual_embedding_dim, "text": model.config.hidden_size},
        lambda model: model.encoder,
        ("text", "visual"),
    ),
    "vilt": Kind(
        _vilt,
        lambda model: {"visual": model.config.hidden_size, "text": model.config.hidden_size},
        lambda model: model.encoder,
        ("text", "visual"),
    ),
    "lxmert": Kind(
        _lxmert,
        lambda model: {
            "visual": model.config.visual_feat_dim,
            "visual.boxes": model.config.visual_pos_dim,
            "text": model.config.hidden_size,
        },
        lambda model: model.encoder,
        ("text", "visual"),
    ),
}


def kind_of(module: nn.Module) -> Kind | None:
    """The kind of a Hugging Face model that Braid reads, or None."""
    if not any(cls.__name__ == "PreTrainedModel" for cls in type(module).__mro__):
        return None
    return KINDS.get(getattr(module.config, "model_type", ""))


def run(module: nn.Module, kind: Kind, rows: list[Row]) -> list[RowOutput]:
    """The model's own outputs for every row, in float32. Without a pooler, position 0 is the pooled vector."""
    subject = f"'{type(module).__name__}'"
    with plain_run():
        model: Any = module
        base = copy.deepcopy(model.base_model).to("cpu", torch.float32).eval()
        check(subject, kind, base, rows)
        outputs = []
        for row in rows:
            layers: list[Tensor] = []

            def record(_: nn.Module, args: Any, output: Any, streams: int, into: list[Tensor] = layers) -> None:
                outputs = output if isinstance(output, tuple) else (output,)
                into += [x[0].clone() for x in outputs[:streams]]

            handles = [
                layer.register_forward_hook(partial(record, streams=streams)) for layer, streams in kind.layers(base)
            ]
            try:
                output = kind.forward(base, {name: x.unsqueeze(0) for name, x in row.items()})
            finally:
                for handle in handles:
                    handle.remove()
            outputs.append(output_of_row(kind, row, layers, output))
        return outputs


def output_of_row(kind: Kind, row: Row, layers: list[Tensor], output: Any) -> RowOutput:
    if hasattr(output, "language_output"):  # LXMERT's; it returns the attentions of some layers only
        fused = torch.cat([output.language_output[0], output.vision_output[0]])
        return RowOutput(layers, fused, output.pooled_output[0])
    fused = output.last_hidden_state[0]
    pooled = output.pooler_output[0] if output.pooler_output is not None else fused[0]
    sizes = [len(row[name]) for name in kind.order]
    if len(fused) > sum(sizes):
        sizes = [1, *sizes]  # FLAVA's own CLS
    weights = [of_layer[0] for of_layer in output.attentions or () if of_layer is not None]
    shares = attention_shares(weights, sizes) if len(weights) == len(layers) else None
    return RowOutput(layers, fused, pooled, shares)


def write(module: nn.Module, directory: Path) -> None:
    """Writes config.json and the weights in transformers' own format."""
    model: Any = module
    model.save_pretrained(directory)


def check(subject: str, kind: Kind, base: Any, rows: list[Row]) -> None:
    """Refuses what Braid would refuse: other modalities or sizes, too long text, options that it lacks."""
    sizes = kind.sizes(base)
    given = {name: sizes.get(name, 0) if is_ids(x) else x.shape[1] for name, x in rows[0].items()}
    if not kind.ids and any(map(is_ids, rows[0].values())):
        raise ExportError(subject, f"features, of sizes {sizes}", "token ids, which it does not embed")
    if is_ids(rows[0].get("visual", torch.zeros(1, 1))):
        raise ExportError(subject, "features of 'visual'", "token ids")
    if given != sizes:
        raise ExportError(subject, f"a sample of feature sizes {sizes}", str(given))
    largest = max(int(row["text"].max()) for row in rows)
    if is_ids(rows[0]["text"]) and largest >= base.config.vocab_size:
        raise ExportError(subject, f"token ids below {base.config.vocab_size} (vocab_size)", str(largest))
    config = kind.config(base)
    if config.hidden_act not in ACTIVATIONS:
        raise ExportError(subject, f"hidden_act to be one of {quoted(ACTIVATIONS)}", f"'{config.hidden_act}'")
    if getattr(config, "bypass_transformer", False):
        raise ExportError(subject, "bypass_transformer false", "true")
    embeddings = getattr(base, "embeddings", None)
    if embeddings is not None:
        longest = max(len(row["text"]) for row in rows)
        if longest > config.max_position_embeddings:
            limit = f"at most {config.max_position_embeddings} text tokens (max_position_embeddings)"
            raise ExportError(subject, limit, str(longest))
