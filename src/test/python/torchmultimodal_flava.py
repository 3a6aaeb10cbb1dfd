"""FLAVA of torchmultimodal as golden cases. Start at `TORCHMULTIMODAL_CASES`.

The state dict is that of the library's whole `FLAVAModel`, its unimodal encoders tiny and unused; config.json is of the
project's own kind, as the library writes none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchmultimodal.models.flava.model import flava_model  # type: ignore[import-untyped]
from torchmultimodal.modules.layers.normalizations import Fp32LayerNorm  # type: ignore[import-untyped]

from golden_case import Case, visual_and_text
from reference import Reference, Run


@dataclass(frozen=True)
class TorchMultimodalCase(Case):
    """A case of `FLAVAModel`."""

    pooling: str = "pooler"
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    #: More than zero moves the second Linear of a feed-forward from `model.2` to `model.3`.
    dropout: float = 0.0


class TorchMultimodalReference(Reference):
    """FLAVA's projections and multimodal encoder."""

    def __init__(self, case: TorchMultimodalCase) -> None:
        super().__init__(case, leading=1)
        visual, text = case.modalities
        self.model = flava_model(
            image_hidden_size=visual.feature_size,
            image_num_attention_heads=2,
            image_num_hidden_layers=1,
            image_intermediate_size=6,
            image_size=8,
            patch_size=4,
            text_hidden_size=text.feature_size,
            text_num_attention_heads=2,
            text_num_hidden_layers=1,
            text_intermediate_size=6,
            vocab_size=7,
            max_position_embeddings=8,
            multimodal_hidden_size=case.hidden_size,
            multimodal_num_attention_heads=case.heads,
            multimodal_num_hidden_layers=case.layers,
            multimodal_dropout=case.dropout,
            multimodal_intermediate_size=case.intermediate_size,
            multimodal_layer_norm_eps=case.layer_norm_eps,
            text_and_image_proj_size=4,
        )

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        visual, text = features
        if keep is None:
            outputs = self.model.encode_mm(visual, text)
        else:
            projected = [self.model.image_to_mm_projection(visual), self.model.text_to_mm_projection(text)]
            mask = self.with_leading(keep)[:, None, None, :].long()
            outputs = self.model.mm_encoder(torch.cat(projected, dim=1), attention_mask=mask)
        assert torch.equal(outputs.last_hidden_state, self.model.mm_encoder.layernorm(outputs.hidden_states[-1]))
        return Run(outputs.hidden_states[1:], outputs.last_hidden_state, outputs.attentions, outputs.pooler_output)

    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        case = self.case
        keys = {
            "model_type": "fusion_encoder",
            "modalities": [{"name": m.name, "feature_size": m.feature_size} for m in case.modalities],
            "hidden_size": case.hidden_size,
            "num_hidden_layers": case.layers,
            "num_attention_heads": case.heads,
            "hidden_act": case.hidden_act,
            "norm_first": True,
            "layer_norm_eps": case.layer_norm_eps,
            "cls_token": True,
        }
        (directory / "config.json").write_text(json.dumps(keys, indent=2) + "\n", encoding="utf-8")
        save_file(self.model.state_dict(), directory / "model.safetensors", metadata={"format": "pt"})

    def in_float64(self) -> Self:
        wide = super().in_float64()
        for part in wide.modules():
            if isinstance(part, Fp32LayerNorm):
                part.__class__ = nn.LayerNorm
        return wide


TORCHMULTIMODAL_CASES = (
    TorchMultimodalCase(
        "torchmultimodal-flava",
        "names of torchmultimodal; `pooling` left out: the stored pooler; unimodal encoders unused",
        seed=301,
        modalities=visual_and_text((8, (3, 1, 5)), (10, (2, 6, 1))),
        hidden_size=24,
        heads=3,
        layers=2,
        intermediate_size=20,
        traps=("final norm forgotten", "CLS token forgotten", "the other GELU"),
    ),
    TorchMultimodalCase(
        "torchmultimodal-flava-dropout",
        "trained with dropout: the second Linear of a feed-forward is `model.3`",
        seed=302,
        modalities=visual_and_text((8, (3, 1, 5)), (10, (2, 6, 1))),
        hidden_size=24,
        heads=4,
        layers=1,
        intermediate_size=20,
        dropout=0.1,
        traps=("final norm forgotten",),
    ),
)
