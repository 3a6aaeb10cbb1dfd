"""UNITER (arXiv 1909.11740), a BERT over text and image regions that have boxes. Start at `UniterReference`.

Its own checkpoints are state dicts of BERT's names and `img_embeddings`, behind the prefix `uniter.`. Text and encoder are
those of transformers' BERT; the image embeddings are written after section 3.1 of the paper.

Dimension letters: P rows, M tokens of one modality, F feature size, D hidden size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from golden_case import Case, Modality, masked
from reference import Reference, Run

#: A box is x1, y1, x2, y2, width, height and area.
BOX_SIZE = 7


@dataclass(frozen=True)
class UniterCase(Case):
    """A case of UNITER: text as token ids, then regions with boxes."""

    pooling: str = "pooler"
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    #: Rows of the text's position table.
    positions: int = 8


class ImageEmbeddings(nn.Module):
    """Features and boxes, projected and normalised each, summed with the type of images and normalised again."""

    def __init__(self, feature_size: int, hidden_size: int, eps: float) -> None:
        super().__init__()
        self.img_linear = nn.Linear(feature_size, hidden_size)
        self.img_layer_norm = nn.LayerNorm(hidden_size, eps=eps)
        self.pos_layer_norm = nn.LayerNorm(hidden_size, eps=eps)
        self.pos_linear = nn.Linear(BOX_SIZE, hidden_size)
        #: Of masked regions in pretraining; no part of a forward pass on features.
        self.mask_embedding = nn.Embedding(2, feature_size)
        self.LayerNorm = nn.LayerNorm(hidden_size, eps=eps)

    def forward(self, regions: Tensor, image_type: Tensor) -> Tensor:
        """Maps regions [P, M, F + 7] to [P, M, D]; `image_type` is [D]."""
        features, boxes = regions[..., :-BOX_SIZE], regions[..., -BOX_SIZE:]
        projected = self.img_layer_norm(self.img_linear(features))
        located = self.pos_layer_norm(self.pos_linear(boxes))
        return self.LayerNorm(projected + located + image_type)


class Embedded(nn.Module):
    """Stands in the place of BERT's embeddings: its inputs are embedded."""

    def forward(self, inputs_embeds: Tensor, **_: object) -> Tensor:
        return inputs_embeds


class UniterReference(Reference):
    """The model, its BERT split into embeddings and encoder."""

    def __init__(self, case: UniterCase) -> None:
        super().__init__(case, leading=0)
        self.text, self.regions = case.modalities
        config = BertConfig(
            vocab_size=self.text.vocabulary,
            hidden_size=case.hidden_size,
            num_hidden_layers=case.layers,
            num_attention_heads=case.heads,
            intermediate_size=case.intermediate_size,
            hidden_act=case.hidden_act,
            layer_norm_eps=case.layer_norm_eps,
            max_position_embeddings=case.positions,
            attn_implementation="eager",
        )
        self.written = config
        self.bert = BertModel(config)
        self.embeddings = self.bert.embeddings
        self.bert.embeddings = Embedded()
        self.img_embeddings = ImageEmbeddings(self.regions.feature_size, case.hidden_size, case.layer_norm_eps)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> Run:
        ids, regions = features
        image_type = self.embeddings.token_type_embeddings.weight[1]
        joined = [self.embeddings(input_ids=ids[..., 0].long()), self.img_embeddings(regions, image_type)]
        outputs = self.bert(
            inputs_embeds=torch.cat(joined, dim=1),
            attention_mask=None if keep is None else torch.cat(keep, dim=1).long(),
            output_attentions=True,
            output_hidden_states=True,
        )
        assert torch.equal(outputs.last_hidden_state, outputs.hidden_states[-1])
        return Run(
            list(outputs.hidden_states[1:]), outputs.last_hidden_state, list(outputs.attentions), outputs.pooler_output
        )

    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        named = {f"uniter.{name.removeprefix('bert.')}": tensor.contiguous() for name, tensor in weights.items()}
        save_file(named, directory / "model.safetensors", metadata={"format": "pt"})
        keys = (
            "hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act max_position_embeddings"
            " type_vocab_size vocab_size"
        )
        config = {key: getattr(self.written, key) for key in keys.split()}
        # The keys of its own config.json, and the two that a user adds.
        config |= {"model_type": "uniter", "img_dim": self.regions.feature_size}
        (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def regions(*kept: str) -> Modality:
    """Returns regions of 9 features and a box, with a mask."""
    return replace(masked("visual", 9, *kept), box_size=BOX_SIZE)


UNITER_CASES = (
    UniterCase(
        "uniter",
        "token ids; features and boxes projected and normalised each, with type row 1 of the text's table",
        seed=231,
        modalities=(
            Modality("text", 24, (2, 6, 1), vocabulary=11),
            Modality("visual", 9, (3, 1, 5), box_size=BOX_SIZE),
        ),
        hidden_size=24,
        heads=3,
        layers=2,
        intermediate_size=20,
        traps=("positions forgotten", "boxes forgotten", "word embeddings shifted", "the other GELU"),
    ),
    UniterCase(
        "uniter-masks",
        "masks with holes in text and regions; token 0, which is pooled, is kept",
        seed=232,
        modalities=(
            replace(masked("text", 24, "1011001", "1000001", "1110010"), vocabulary=11),
            regions("0110", "0001", "1001"),
        ),
        hidden_size=24,
        heads=4,
        layers=1,
        intermediate_size=20,
        traps=("mask ignored",),
    ),
)
