"""Fusion modules that read token ids, small and with random weights. Start at `MODULES_OF_INPUTS`."""

from __future__ import annotations

from typing import Any, Callable

import torch
import transformers
from modules import HIDDEN, VISUAL, Sample, encoder, sample
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


def token_ids() -> list[Tensor]:
    return [torch.randint(WORDS, (n,), generator=torch.Generator().manual_seed(n)) for n in (4, 1, 6, 3)]


def words_and_image() -> Sample:
    return {"text": token_ids(), **sample(visual=VISUAL)}


#: By name: what builds the module, its sample, and the named parts of `export`.
MODULES_OF_INPUTS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample], Callable[[Any], dict[str, Any]]]] = {
    "words": (Words, words_and_image, lambda m: {}),
    "narrow-words": (Narrow, words_and_image, lambda m: {"position_embeddings": {"text": m.positions}}),
    "normed-words": (Normed, words_and_image, lambda m: {}),
    "jointly-normed-words": (JointlyNormed, words_and_image, lambda m: {"embedding_layer_norm": m.norm}),
    "hugging-face-embeddings": (HuggingFaceEmbeddings, words_and_image, lambda m: {}),
    "text-alone": (TextAlone, lambda: {"ids": token_ids()}, lambda m: {}),
}
