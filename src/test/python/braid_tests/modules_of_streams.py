"""Fusion modules of several streams, small and with random weights. Start at `MODULES_OF_STREAMS`."""

from __future__ import annotations

from typing import Any, Callable

import torch
from modules import AUDIO, HIDDEN, TEXT, VISUAL, Sample, encoder, pair, sample
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = 4


def decoder(layers: int, final_norm: bool = False, **options: Any) -> nn.TransformerDecoder:
    layer = nn.TransformerDecoderLayer(HIDDEN, HEADS, 28, batch_first=True, **options)
    return nn.TransformerDecoder(layer, layers, nn.LayerNorm(HIDDEN) if final_norm else None)


class Decoding(nn.Module):
    """Text attends to encoded visual tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.regions = encoder(2, activation="gelu")
        self.decoder = decoder(2, final_norm=True, norm_first=True, activation="gelu")

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.decoder(self.text(text), self.regions(self.visual(visual)))


class Resampler(nn.Module):
    """Learned queries read the tokens of both modalities."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.queries = nn.Parameter(torch.zeros(1, 3, HIDDEN))
        self.kinds, self.positions = nn.Embedding(2, HIDDEN), nn.Embedding(9, HIDDEN)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(HIDDEN, HEADS, 28, batch_first=True, activation="relu") for _ in range(2)
        )

    def forward(self, visual: Tensor, text: Tensor) -> dict[str, Tensor]:
        tokens = zip((self.visual(visual), self.text(text)), self.kinds.weight)
        memory = torch.cat([x + kind + self.positions.weight[: x.shape[1]] for x, kind in tokens], 1)
        x = self.queries.expand(len(visual), -1, -1)
        for layer in self.layers:
            x = layer(x, memory)
        return {"pooled": x.mean(1)}


class CrossBlock(nn.Module):
    """Cross-attention and feed-forward, post-norm, under names of its own."""

    def __init__(self, keys: int = HIDDEN) -> None:
        super().__init__()
        self.reads = nn.MultiheadAttention(HIDDEN, HEADS, kdim=keys, vdim=keys, batch_first=True)
        self.ln_a, self.ln_b = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, 20), nn.Linear(20, HIDDEN)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.ln_a(x + self.reads(x, memory, memory, need_weights=False)[0])
        return self.ln_b(x + self.down(F.gelu(self.up(x))))


class TwoStreams(nn.Module):
    """Each stream reads what the other was, several times; then both are encoded together."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.to_text = nn.ModuleList(CrossBlock() for _ in range(2))
        self.to_visual = nn.ModuleList(CrossBlock() for _ in range(2))
        self.joint = encoder(1)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v, t = self.visual(visual), self.text(text)
        for to_text, to_visual in zip(self.to_text, self.to_visual):
            t, v = to_text(t, v), to_visual(v, t)
        return self.joint(torch.cat([t, v], 1)).amax(1)


class Asking(nn.Module):
    """Text reads audio in the module's own forward, post-norm and without a feed-forward."""

    def __init__(self) -> None:
        super().__init__()
        self.audio = nn.Linear(AUDIO, HIDDEN)
        self.attention = nn.MultiheadAttention(HIDDEN, HEADS, bias=False, batch_first=True)
        self.norm = nn.LayerNorm(HIDDEN)

    def forward(self, text: Tensor, audio: Tensor) -> Any:
        memory = self.audio(audio)
        x = self.norm(text + self.attention(text, memory, memory)[0])
        return x, x[:, 0]


class Reading(nn.Module):
    """Text reads audio of another size, pre-norm with a last norm, in the module's own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(HIDDEN, HEADS, kdim=AUDIO, vdim=AUDIO, bias=False, batch_first=True)
        self.before, self.between, self.last = (nn.LayerNorm(HIDDEN, 1e-6) for _ in range(3))
        self.up, self.down = nn.Linear(HIDDEN, 20), nn.Linear(20, HIDDEN)

    def forward(self, text: Tensor, audio: Tensor) -> Any:
        x = text + self.attention(self.before(text), audio, audio)[0]
        return self.last(x + self.down(F.silu(self.up(self.between(x)))))


class Unfed(Reading):
    """The same post-norm, without a feed-forward."""

    def forward(self, text: Tensor, audio: Tensor) -> Any:
        return self.last(text + self.attention(text, audio, audio)[0])


class Encoders(nn.Module):
    """An encoder for each modality, one after the other for both, with a learned token first."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.of_visual, self.of_text, self.of_both = encoder(1), encoder(2, final_norm=True), encoder(1)
        self.cls = nn.Parameter(torch.zeros(HIDDEN).reshape(1, 1, -1))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        tokens = [self.cls, self.of_text(self.text(text)), self.of_visual(self.visual(visual))]
        return self.of_both(torch.cat(tokens, 1))[:, 0]


Named = Callable[[Any], dict[str, Any]]

#: By name: what builds the module, its sample, and the named parts of `export`.
MODULES_OF_STREAMS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample], Named]] = {
    "decoding": (Decoding, pair, lambda m: {}),
    "resampler": (
        Resampler,
        pair,
        lambda m: {"modality_embeddings": m.kinds, "position_embeddings": m.positions},
    ),
    "two-streams": (TwoStreams, pair, lambda m: {}),
    "encoders": (Encoders, pair, lambda m: {}),
    "asking": (Asking, lambda: sample(text=HIDDEN, audio=AUDIO), lambda m: {}),
    "reading": (Reading, lambda: sample(text=HIDDEN, audio=AUDIO), lambda m: {}),
    "unfed": (Unfed, lambda: sample(text=HIDDEN, audio=AUDIO), lambda m: {}),
}
