"""Fusion models of transformers as golden cases: FLAVA, ViLT and VisualBERT. Start at `HuggingFaceCase`.

The models are the library's own, saved with `save_pretrained` and left as it wrote them. Their features are what enters
the fusion: FLAVA's two projections, `inputs_embeds` and `image_embeds` or `visual_embeds`. The unimodal parts around
them are tiny; nothing of them is used, except where a case takes its features from them.

Dimension letters: P rows, S tokens of a row, M tokens of one modality, D hidden size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    FlavaConfig,
    FlavaForPreTraining,
    FlavaModel,
    PreTrainedConfig,
    PreTrainedModel,
    ViltConfig,
    VisualBertConfig,
)

from golden_case import Case
from reference import Reference, Run

VOCABULARY = 7
#: Pixels of an image's side and of a patch's: four patches and the image encoder's CLS make five tokens.
IMAGE, PATCH = 8, 4


@dataclass(frozen=True)
class HuggingFaceCase(Case):
    """A case of a model class of transformers: the bare model, or one with a task head around it."""

    pooling: str = "pooler"
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    model_class: type[PreTrainedModel] = FlavaModel
    #: Rows of the text's position table.
    positions: int = 8
    qkv_bias: bool = True
    cls_token: bool = False
    #: True takes the features from FLAVA's own unimodal encoders, as `FlavaModel.forward` does.
    from_encoders: bool = False
    #: False leaves the pooler out of the model.
    add_pooling_layer: bool = True
    max_shard_size: str = "5GB"

    def feature_size(self, name: str) -> int:
        return next(modality.feature_size for modality in self.modalities if modality.name == name)


class HuggingFaceReference(Reference):
    """A model of transformers, with the bare model in it as `bare`."""

    def __init__(self, case: HuggingFaceCase, config: PreTrainedConfig) -> None:
        super().__init__(case, leading=int(case.cls_token))
        self.settings = case
        extra = {} if case.add_pooling_layer else {"add_pooling_layer": False}
        config._attn_implementation = "eager"
        self.model = case.model_class(config, **extra)

    @property
    def bare(self) -> Any:
        return self.model.base_model

    @property
    def pooler(self) -> nn.Module | None:
        part = self.bare.multimodal_model if isinstance(self.bare, FlavaModel) else self.bare
        return cast(nn.Module | None, part.pooler)

    def text_input(self, tokens: Tensor) -> dict[str, Tensor]:
        """Names the text [P, M, token size] as the model does: embedded, or ids."""
        ids = any(modality.vocabulary for modality in self.case.modalities)
        return {"input_ids": tokens[..., 0].long()} if ids else {"inputs_embeds": tokens}

    def run_of(self, outputs: Any) -> Run:
        pooled = outputs.pooler_output if self.case.pooling == "pooler" else None
        return Run(list(outputs.hidden_states[1:]), outputs.last_hidden_state, list(outputs.attentions), pooled)

    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        # The pooling that a directory without the key `pooling` has.
        assert self.case.pooling == ("cls" if self.pooler is None else "pooler")
        self.model.save_pretrained(directory, max_shard_size=self.settings.max_shard_size)
        extra: dict[str, Any] = {} if self.settings.add_pooling_layer else {"add_pooling_layer": False}
        again = type(self.model).from_pretrained(directory, **extra).state_dict()
        assert all(torch.equal(tensor, again[name]) for name, tensor in self.model.state_dict().items())


EVERYTHING = {"output_attentions": True, "output_hidden_states": True}


class FlavaReference(HuggingFaceReference):
    """FLAVA's projections and multimodal encoder."""

    def __init__(self, case: HuggingFaceCase) -> None:
        tiny = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 6, "vocab_size": VOCABULARY}
        text = {"hidden_size": case.feature_size("text"), "max_position_embeddings": case.positions}
        image = {"hidden_size": case.feature_size("visual"), "image_size": IMAGE, "patch_size": PATCH}
        codebook = {"num_blocks_per_group": 1, "hidden_size": 4, "vocab_size": VOCABULARY}
        multimodal = sizes(case) | {"qkv_bias": case.qkv_bias, "use_cls_token": case.cls_token}
        config = FlavaConfig(
            text_config=tiny | text,
            image_config=tiny | image,
            multimodal_config=multimodal,
            image_codebook_config=codebook,
            # The width of the pretraining heads; the bare model has none, and its width is the multimodal encoder's.
            hidden_size=case.hidden_size if case.model_class is FlavaForPreTraining else 768,
            projection_dim=4,
            init_codebook=False,
        )
        super().__init__(case, config)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        visual, text = features
        projected = [self.bare.image_to_mm_projection(visual), self.bare.text_to_mm_projection(text)]
        mask = None if keep is None else self.with_leading(keep).long()
        encoder = self.bare.multimodal_model
        outputs = encoder(torch.cat(projected, dim=1), attention_mask=mask, **EVERYTHING)
        assert torch.equal(outputs.last_hidden_state, encoder.layernorm(outputs.hidden_states[-1]))
        return self.run_of(outputs)

    def features(self, random: np.random.Generator) -> dict[str, Tensor]:
        if not self.settings.from_encoders:
            return super().features(random)
        inputs = self.encoder_inputs(random)
        outputs = self.bare(**inputs, output_hidden_states=True)
        hidden = [outputs.image_output.hidden_states[-1], outputs.text_output.hidden_states[-1]]
        keep = [modality.keep() for modality in self.case.modalities]
        kept = self.with_leading(keep)
        assert torch.equal(outputs.multimodal_embeddings[kept], self.run(hidden, keep).fused[kept])
        self.normalised = [outputs.image_embeddings, outputs.text_embeddings]
        return dict(zip(("visual", "text"), hidden, strict=True))

    def encoder_inputs(self, random: np.random.Generator) -> dict[str, Tensor]:
        """Draws images and texts; the texts' mask is the case's own."""
        visual, text = self.case.modalities
        tokens = random.integers(1, VOCABULARY, (self.case.rows, max(text.lengths)))
        pixels = random.standard_normal((self.case.rows, 3, IMAGE, IMAGE))
        return {
            "pixel_values": torch.from_numpy(pixels).float(),
            "input_ids": torch.from_numpy(tokens),
            "attention_mask": text.keep().long(),
        }


class ViltReference(HuggingFaceReference):
    """ViLT on embedded text and embedded images, text first."""

    def __init__(self, case: HuggingFaceCase) -> None:
        config = ViltConfig(
            **sizes(case),
            vocab_size=VOCABULARY,
            max_position_embeddings=case.positions,
            image_size=IMAGE,
            patch_size=PATCH,
            qkv_bias=case.qkv_bias,
        )
        config.num_labels = 3
        super().__init__(case, config)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        text, visual = features
        masks = keep or [torch.ones(x.shape[:2], dtype=torch.bool) for x in features]
        outputs = self.bare(
            **self.text_input(text),
            image_embeds=visual,
            attention_mask=masks[0].long(),
            pixel_mask=masks[1].long(),
            **EVERYTHING,
        )
        assert torch.equal(outputs.last_hidden_state, self.bare.layernorm(outputs.hidden_states[-1]))
        return self.run_of(outputs)


class VisualBertReference(HuggingFaceReference):
    """VisualBERT on embedded text and visual features, text first."""

    def __init__(self, case: HuggingFaceCase) -> None:
        config = VisualBertConfig(
            **sizes(case),
            vocab_size=VOCABULARY,
            max_position_embeddings=case.positions,
            visual_embedding_dim=case.feature_size("visual"),
        )
        config.num_labels = 3
        super().__init__(case, config)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        text, visual = features
        masks = {} if keep is None else {"attention_mask": keep[0].long(), "visual_attention_mask": keep[1].long()}
        outputs = self.bare(**self.text_input(text), visual_embeds=visual, **masks, **EVERYTHING)
        assert torch.equal(outputs.last_hidden_state, outputs.hidden_states[-1])
        return self.run_of(outputs)


def sizes(case: HuggingFaceCase) -> dict[str, Any]:
    return {
        "hidden_size": case.hidden_size,
        "num_hidden_layers": case.layers,
        "num_attention_heads": case.heads,
        "intermediate_size": case.intermediate_size,
        "hidden_act": case.hidden_act,
        "layer_norm_eps": case.layer_norm_eps,
    }


def huggingface_reference(case: HuggingFaceCase) -> HuggingFaceReference:
    """Builds the case's model; the words before a class name's end tell its kind."""
    kinds: dict[str, Callable[[HuggingFaceCase], HuggingFaceReference]]
    kinds = {"Flava": FlavaReference, "Vilt": ViltReference, "VisualBert": VisualBertReference}
    return next(kind for word, kind in kinds.items() if case.model_class.__name__.startswith(word))(case)
