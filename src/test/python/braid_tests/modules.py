"""Fusion modules as people write them, small and with random weights, and samples for them. Start at `MODULES`."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VISUAL, TEXT, AUDIO, HIDDEN = 10, 20, 6, 24

Sample = dict[str, list[Tensor]]


def sample(seed: int = 7, **sizes: int) -> Sample:
    """Rows of random features with lengths of their own, per modality of the given size."""
    generator = torch.Generator().manual_seed(seed)
    lengths = {name: [3 + i, 1, 5, 2 + 2 * i] for i, name in enumerate(sizes)}
    return {name: [torch.randn(n, sizes[name], generator=generator) for n in lengths[name]] for name in sizes}


def pair() -> Sample:
    return sample(visual=VISUAL, text=TEXT)


def randomised(module: nn.Module) -> nn.Module:
    """Draws every parameter, norms and biases too: weights that are all alike hide mistakes."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            scale = 0.3 if parameter.dim() < 2 else parameter.shape[-1] ** -0.5
            parameter.copy_(torch.randn_like(parameter) * scale + (1.0 if parameter.dim() < 2 else 0.0))
    return module


def encoder(layers: int = 2, final_norm: bool = False, **options: Any) -> nn.TransformerEncoder:
    options = {"dim_feedforward": 36, "batch_first": True, **options}
    layer = nn.TransformerEncoderLayer(HIDDEN, 4, **options)
    eps = options.get("layer_norm_eps", 1e-5)
    norm = nn.LayerNorm(HIDDEN, eps) if final_norm else None
    return nn.TransformerEncoder(layer, layers, norm, enable_nested_tensor=False)


class Extractor(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.model_net = nn.Linear(size, HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        return self.model_net(x)


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.num_heads = 4
        self.query_proj, self.ke_proj, self.value_proj = (nn.Linear(HIDDEN, HIDDEN) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        split = [p(x).unflatten(-1, (4, -1)).transpose(1, 2) for p in (self.query_proj, self.ke_proj, self.value_proj)]
        return F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)


class SeedLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attntion = SelfAttention()
        self.feed_forward_network = nn.Sequential(
            nn.Linear(HIDDEN, 4 * HIDDEN), nn.ReLU(), nn.Dropout(0.1), nn.Linear(4 * HIDDEN, HIDDEN)
        )
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.self_attntion(x))
        return self.norm2(x + self.feed_forward_network(x))


class Seed(nn.Module):
    """The two extractors and the shared encoder, of torch's layers or of layers written from scratch."""

    def __init__(self, own: bool = False) -> None:
        super().__init__()
        self.visual_extractor, self.textual_extractor = Extractor(VISUAL), Extractor(TEXT)
        self.transformer_encoder = nn.Sequential(SeedLayer(), SeedLayer()) if own else encoder()

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.transformer_encoder(torch.cat([self.visual_extractor(visual), self.textual_extractor(text)], 1))


class NormBehind(Seed):
    """A LayerNorm behind the encoder, which is no part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.behind = nn.LayerNorm(HIDDEN)

    def forward(self, visual: Tensor, text: Tensor) -> Any:
        return self.behind(super().forward(visual, text))


class OneLayer(nn.Module):
    """A single layer written from scratch, which stands in no list."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = SeedLayer()

    def forward(self, tokens: Tensor) -> Tensor:
        return self.layer(tokens)


class Fusion(nn.Module):
    """Text before visual whatever the arguments' order, a pooled vector and a head; `options` as of the layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.img = nn.Sequential(nn.Linear(VISUAL, HIDDEN), nn.Dropout(0.5))
        self.unused = nn.Linear(VISUAL, HIDDEN)
        self.txt = nn.Linear(TEXT, HIDDEN, bias=False)
        self.mixer = encoder(**options)
        self.head = nn.Linear(HIDDEN, 3)

    def tokens(self, img: Tensor, txt: Tensor) -> Tensor:
        self.unused(img)
        return torch.cat([self.txt(txt), self.img(img)], dim=1)

    def forward(self, img: Tensor, txt: Tensor) -> dict[str, Tensor]:
        pooled = self.mixer(self.tokens(img, txt)).amax(dim=1)
        return {"vector": pooled, "logits": self.head(pooled)}


class SequenceFirst(Fusion):
    """Takes [tokens, 1, feature size], as layers that are not batch_first do."""

    def __init__(self) -> None:
        super().__init__(batch_first=False)

    def forward(self, img: Tensor, txt: Tensor) -> Tensor:
        return self.mixer(torch.cat([self.txt(txt), self.img(img)], dim=0))


class Transposing(Fusion):
    """Takes [1, tokens, feature size], its layers [tokens, 1, hidden size]."""

    def __init__(self) -> None:
        super().__init__(batch_first=False)

    def forward(self, img: Tensor, txt: Tensor) -> Tensor:
        return self.mixer(self.tokens(img, txt).transpose(0, 1)).transpose(0, 1)


class Three(nn.Module):
    """Three modalities, one of which enters as it is; layers in a list with a LayerNorm of the module's own behind."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.audio = nn.Linear(VISUAL, HIDDEN), nn.Linear(AUDIO, HIDDEN)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(HIDDEN, 3, 30, activation="gelu", norm_first=True, batch_first=True)
            for _ in range(3)
        )
        self.last = nn.LayerNorm(HIDDEN)

    def forward(self, visual: Tensor, text: Tensor, audio: Tensor) -> Tensor:
        x = torch.cat([self.audio(audio), text, self.visual(visual)], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.last(x)


class Embedded(Fusion):
    """CLS, a row per modality, a row per position, a LayerNorm over all, and a tanh pooler."""

    def __init__(self) -> None:
        super().__init__()
        self.cls = nn.Parameter(torch.zeros(1, 1, HIDDEN))
        self.kinds = nn.Embedding(2, HIDDEN)
        self.positions = nn.ParameterDict({"img": torch.randn(1, 12, HIDDEN), "txt": torch.randn(9, HIDDEN)})
        self.norm = nn.LayerNorm(HIDDEN)
        self.dense = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, img: Tensor, txt: Tensor) -> Tensor:
        text = self.txt(txt) + self.kinds.weight[0] + self.positions["txt"][: txt.shape[1]]
        visual = self.img(img) + self.kinds.weight[1] + self.positions["img"][:, : img.shape[1]]
        fused = self.mixer(self.norm(torch.cat([self.cls, text, visual], dim=1)))
        return torch.tanh(self.dense(fused[:, 0]))


def named_embeddings(module: Any) -> dict[str, Any]:
    return {
        "cls_token": module.cls,
        "modality_embeddings": module.kinds,
        "position_embeddings": module.positions,
        "embedding_layer_norm": module.norm,
        "pooler": module.dense,
    }


def images_and_texts() -> Sample:
    return sample(img=VISUAL, txt=TEXT)


def tokens_alone() -> Sample:
    return sample(tokens=HIDDEN)


#: By name: what builds the module, its sample, and the named parts of `export`.
MODULES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample], Callable[[Any], dict[str, Any]]]] = {
    "seed": (Seed, pair, lambda m: {}),
    "seed-own-layers": (lambda: Seed(own=True), pair, lambda m: {}),
    "seed-one-layer": (OneLayer, tokens_alone, lambda m: {}),
    "fusion": (Fusion, images_and_texts, lambda m: {}),
    "pre-norm": (lambda: Fusion(norm_first=True, activation="gelu", final_norm=True), images_and_texts, lambda m: {}),
    "silu": (lambda: Fusion(activation=nn.SiLU()), images_and_texts, lambda m: {}),
    "gelu-tanh": (lambda: Fusion(activation=nn.GELU(approximate="tanh")), images_and_texts, lambda m: {}),
    "no-bias": (lambda: Fusion(bias=False, layer_norm_eps=1e-6), images_and_texts, lambda m: {}),
    "sequence-first": (SequenceFirst, images_and_texts, lambda m: {}),
    "transposing": (Transposing, images_and_texts, lambda m: {}),
    "bare-encoder": (lambda: encoder(final_norm=True), lambda: sample(visual=HIDDEN, text=HIDDEN), lambda m: {}),
    "bare-layer": (
        lambda: nn.TransformerEncoderLayer(HIDDEN, 2, 40, batch_first=True),
        tokens_alone,
        lambda m: {"pooling": "last"},
    ),
    "three-modalities": (
        Three,
        lambda: sample(visual=VISUAL, text=HIDDEN, audio=AUDIO),
        lambda m: {"final_layer_norm": m.last},
    ),
    "embeddings": (Embedded, images_and_texts, named_embeddings),
}
