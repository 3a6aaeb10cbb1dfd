"""Fusion modules that read token ids, and boxes next to features, small and with random weights. Start at `MODULES_OF_INPUTS`."""

from __future__ import annotations

import math
from typing import Any, Callable

import torch
import transformers
from modules import HIDDEN, TEXT, VISUAL, Sample, encoder, sample
from modules_of_streams import decoder
from torch import Tensor, nn

#: Words of the vocabulary.
WORDS = 31


class Words(nn.Module):
    """Words and image tokens, with nothing added."""

    def __init__(self, size: int = HIDDEN) -> None:
        super().__init__()
        self.visual, self.words = nn.Linear(VISUAL, HIDDEN), nn.Embedding(WORDS, size)
        self.mixer = encoder(norm_first=True)

    def text(self, ids: Tensor) -> Tensor:
        return self.words(ids)

    def image(self, visual: Tensor) -> Tensor:
        return self.visual(visual)

    def forward(self, text: Tensor, visual: Tensor) -> Tensor:
        return self.mixer(torch.cat([self.text(text), self.image(visual)], 1))


class Narrow(Words):
    """Words of fewer numbers, projected; positions are a parameter, which is named."""

    def __init__(self) -> None:
        super().__init__(8)
        self.wide = nn.Linear(8, HIDDEN, bias=False)
        self.positions = nn.Parameter(torch.zeros(1, 20, HIDDEN))

    def text(self, ids: Tensor) -> Tensor:
        return self.wide(self.words(ids)) + self.positions[:, : ids.shape[1]]


class Scaled(Words):
    """Words are multiplied by the square root of their size, as in Vaswani et al. 2017; positions are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Embedding(12, HIDDEN)

    def text(self, ids: Tensor) -> Tensor:
        return self.words(ids) * math.sqrt(HIDDEN) + self.positions(torch.arange(ids.shape[1], device=ids.device))


class BertEmbeddings(nn.Module):
    """Words, positions and types, added and normalised."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind = kind
        self.words, self.positions, self.kinds = nn.Embedding(WORDS, HIDDEN), nn.Embedding(12, HIDDEN), nn.Embedding(2, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
        types = torch.full_like(ids, self.kind)
        return self.norm(self.words(ids) + self.kinds(types) + self.positions(positions))


class Normed(Words):
    """Text as BERT embeds it; image tokens projected and normalised, with a type of the same table, one for all tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = BertEmbeddings(0)
        self.projection_norm = nn.LayerNorm(HIDDEN)

    def text(self, ids: Tensor) -> Tensor:
        return self.embeddings(ids)

    def image(self, visual: Tensor) -> Tensor:
        kind = self.embeddings.kinds(torch.ones(1, dtype=torch.long))
        return self.projection_norm(self.visual(visual)) + kind


class JointlyNormed(Words):
    """One norm of all tokens, which is named."""

    def __init__(self) -> None:
        super().__init__()
        self.positions, self.norm = nn.Embedding(12, HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, text: Tensor, visual: Tensor) -> Tensor:
        text = self.words(text) + self.positions(torch.arange(text.shape[1]))
        return self.mixer(self.norm(torch.cat([self.visual(visual), text], 1)))


class HuggingFaceEmbeddings(nn.Module):
    """Text, embedded by a BERT of transformers, attends to the image; a norm of the image's tokens is their own."""

    def __init__(self) -> None:
        super().__init__()
        config = transformers.BertConfig(
            vocab_size=WORDS, hidden_size=HIDDEN, max_position_embeddings=16, layer_norm_eps=1e-5, num_hidden_layers=1,
            num_attention_heads=2, intermediate_size=8,
        )  # fmt: skip
        self.embeddings = transformers.BertModel(config).embeddings
        self.visual, self.norm = nn.Linear(VISUAL, HIDDEN), nn.LayerNorm(HIDDEN)
        self.decoder = decoder(2, activation="gelu")

    def forward(self, text: Tensor, visual: Tensor) -> Tensor:
        return self.decoder(self.embeddings(input_ids=text), self.norm(self.visual(visual)))[:, 0]


class TextAlone(nn.Module):
    """Ids alone, encoded by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings, self.layers = BertEmbeddings(1), encoder(1)

    def forward(self, ids: Tensor) -> Tensor:
        return self.layers(self.embeddings(ids)).mean(1)


class Located(nn.Module):
    """LXMERT's regions: features and boxes, projected and normalised each, averaged."""

    def __init__(self, boxes: int = 4) -> None:
        super().__init__()
        self.text = nn.Linear(TEXT, HIDDEN)
        self.visual, self.boxes = nn.Linear(VISUAL, HIDDEN), nn.Linear(boxes, HIDDEN)
        self.visual_norm, self.box_norm = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.mixer = encoder(1)

    def regions(self, visual: Tensor, boxes: Tensor) -> Tensor:
        return (self.visual_norm(self.visual(visual)) + self.box_norm(self.boxes(boxes))) / 2

    def forward(self, text: Tensor, visual: Tensor, boxes: Tensor) -> Tensor:
        return self.mixer(torch.cat([self.text(text), self.regions(visual, boxes)], 1))


class LocatedAsUniter(Located):
    """UNITER's regions: the same summed with a type, and normalised again."""

    def __init__(self) -> None:
        super().__init__(7)
        self.kinds, self.norm = nn.Embedding(2, HIDDEN), nn.LayerNorm(HIDDEN)

    def regions(self, visual: Tensor, boxes: Tensor) -> Tensor:
        kinds = self.kinds(torch.ones(visual.shape[:2], dtype=torch.long))
        return self.norm(self.visual_norm(self.visual(visual)) + self.box_norm(self.boxes(boxes)) + kinds)


class LocatedAsOscar(Located):
    """OSCAR's regions: one projection of features followed by their box; arguments by name."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Linear(VISUAL + 4, HIDDEN)

    def forward(self, visual_boxes: Tensor, visual: Tensor, text: Tensor) -> Tensor:
        regions = self.visual_norm(self.visual(torch.cat([visual, visual_boxes], -1)))
        return self.mixer(torch.cat([self.text(text), regions], 1))


class BoxesFirst(LocatedAsOscar):
    """One projection of boxes followed by features."""

    def forward(self, visual_boxes: Tensor, visual: Tensor, text: Tensor) -> Tensor:
        regions = self.visual(torch.cat([visual_boxes, visual], -1))
        return self.mixer(torch.cat([self.text(text), regions], 1))


class ReadingRegions(Located):
    """Text reads regions whose projected boxes are added, without norms."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = decoder(1)

    def forward(self, text: Tensor, visual: Tensor, boxes: Tensor) -> Tensor:
        return self.decoder(self.text(text), self.visual(visual) + self.boxes(boxes))


def token_ids() -> list[Tensor]:
    return [torch.randint(WORDS, (n,), generator=torch.Generator().manual_seed(n)) for n in (4, 1, 6, 3)]


def words_and_image() -> Sample:
    return {"text": token_ids(), **sample(visual=VISUAL)}


def text_and_regions(boxes: int = 4) -> Sample:
    features = sample(text=TEXT, visual=VISUAL)
    generator = torch.Generator().manual_seed(5)
    return {**features, "visual.boxes": [torch.rand(len(x), boxes, generator=generator) for x in features["visual"]]}


#: By name: what builds the module, its sample, and the named parts of `export`.
MODULES_OF_INPUTS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample], Callable[[Any], dict[str, Any]]]] = {
    "words": (Words, words_and_image, lambda m: {}),
    "narrow-words": (Narrow, words_and_image, lambda m: {"position_embeddings": {"text": m.positions}}),
    "scaled-words": (Scaled, words_and_image, lambda m: {}),
    "normed-words": (Normed, words_and_image, lambda m: {}),
    "jointly-normed-words": (JointlyNormed, words_and_image, lambda m: {"embedding_layer_norm": m.norm}),
    "hugging-face-embeddings": (HuggingFaceEmbeddings, words_and_image, lambda m: {}),
    "text-alone": (TextAlone, lambda: {"ids": token_ids()}, lambda m: {}),
    "located": (Located, text_and_regions, lambda m: {}),
    "located-as-uniter": (LocatedAsUniter, lambda: text_and_regions(7), lambda m: {}),
    "located-as-oscar": (LocatedAsOscar, text_and_regions, lambda m: {}),
    "boxes-first": (BoxesFirst, text_and_regions, lambda m: {}),
    "reading-regions": (ReadingRegions, text_and_regions, lambda m: {}),
}
