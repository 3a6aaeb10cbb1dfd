"""Runs Hugging Face's FLAVA, VisualBERT and ViLT on features, as Braid does. Start at `kind_of` and `run`.

Their directories describe themselves; nothing is imported from transformers here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor, nn

from braid.errors import ExportError, quoted
from braid.golden import Row, RowOutput, attention_shares
from braid.reference import ACTIVATIONS
from braid.trace import plain_run


@dataclass(frozen=True)
class Kind:
    """One model type: its forward on [1, tokens, size] of each modality, and where its facts are."""

    forward: Callable[[Any, Tensor, Tensor], Any]
    sizes: Callable[[Any], dict[str, int]]
    encoder: Callable[[Any], Any]
    #: The modalities in token order.
    order: tuple[str, str]

    def config(self, model: Any) -> Any:
        return self.encoder(model).config


_EVERYTHING: dict[str, Any] = {"return_dict": True, "output_attentions": True}


def _flava(model: Any, visual: Tensor, text: Tensor) -> Any:
    projected = [model.image_to_mm_projection(visual), model.text_to_mm_projection(text)]
    return model.multimodal_model(torch.cat(projected, dim=1), **_EVERYTHING)


KINDS = {
    "flava": Kind(
        _flava,
        lambda model: {
            "visual": model.image_to_mm_projection.in_features,
            "text": model.text_to_mm_projection.in_features,
        },
        lambda model: model.multimodal_model.encoder,
        ("visual", "text"),
    ),
    "visual_bert": Kind(
        lambda model, visual, text: model(inputs_embeds=text, visual_embeds=visual, **_EVERYTHING),
        lambda model: {"visual": model.config.visual_embedding_dim, "text": model.config.hidden_size},
        lambda model: model.encoder,
        ("text", "visual"),
    ),
    "vilt": Kind(
        lambda model, visual, text: model(
            inputs_embeds=text, image_embeds=visual, pixel_mask=torch.ones(visual.shape[:2]), **_EVERYTHING
        ),
        lambda model: {"visual": model.config.hidden_size, "text": model.config.hidden_size},
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
    """The model's own outputs for every row, in float32; pooled by its pooler, or position 0 where it has none."""
    subject = f"'{type(module).__name__}'"
    with plain_run():
        model: Any = module
        base = copy.deepcopy(model.base_model).to("cpu", torch.float32).eval()
        check(subject, kind, base, rows)
        outputs = []
        for row in rows:
            layers: list[Tensor] = []

            def record(_: nn.Module, args: Any, output: Any, into: list[Tensor] = layers) -> None:
                into.append((output[0] if isinstance(output, tuple) else output)[0].clone())

            handles = [layer.register_forward_hook(record) for layer in kind.encoder(base).layer]
            try:
                output = kind.forward(base, row["visual"].unsqueeze(0), row["text"].unsqueeze(0))
            finally:
                for handle in handles:
                    handle.remove()
            fused = output.last_hidden_state[0]
            pooled = output.pooler_output[0] if output.pooler_output is not None else fused[0]
            sizes = [len(row[name]) for name in kind.order]
            if len(fused) > sum(sizes):
                sizes = [1, *sizes]  # FLAVA's own CLS
            weights = [of_layer[0] for of_layer in output.attentions or () if of_layer is not None]
            shares = attention_shares(weights, sizes) if len(weights) == len(layers) else None
            outputs.append(RowOutput(layers, fused, pooled, shares))
        return outputs


def write(module: nn.Module, directory: Path) -> None:
    """Writes config.json and the weights as transformers does."""
    model: Any = module
    model.save_pretrained(directory)


def check(subject: str, kind: Kind, base: Any, rows: list[Row]) -> None:
    """Refuses what Braid would: other modalities and sizes, text beyond the positions, options it lacks."""
    sizes = kind.sizes(base)
    given = {name: features.shape[1] for name, features in rows[0].items()}
    if given != sizes:
        raise ExportError(subject, f"a sample of feature sizes {sizes}", str(given))
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
