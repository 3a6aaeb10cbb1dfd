"""Modules whose streams normalise what they read, are put side by side, or are made of Llama's parts. Start at `MODULES_OF_MEMORY`."""

from __future__ import annotations

import math
from typing import Any, Callable

import torch
from modules import AUDIO, HIDDEN, TEXT, VISUAL, Sample, encoder, pair, sample
from modules_of_today import RotaryBlock
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = 4


class Gated(nn.Module):
    """GEGLU, as in Perceiver: one Linear gives the numbers and their gate."""

    def __init__(self, size: int = HIDDEN) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(size, 2 * 20), nn.Linear(20, size)

    def forward(self, x: Tensor) -> Tensor:
        x, gate = self.into(x).chunk(2, -1)
        return self.out(x * F.gelu(gate))


class Attend(nn.Module):
    """Attention whose keys and values may be of another size, and of fewer heads."""

    def __init__(self, size: int = HIDDEN, memory: int = HIDDEN, key_heads: int = HEADS, bias: bool = False) -> None:
        super().__init__()
        self.heads, self.size = HEADS, size // HEADS
        self.to_q, self.to_out = nn.Linear(size, size, bias=bias), nn.Linear(size, size)
        self.to_k, self.to_v = (nn.Linear(memory, key_heads * self.size, bias=bias) for _ in range(2))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        inputs = (of.unflatten(-1, (-1, self.size)).transpose(1, 2) for of in (self.to_q(x), self.to_k(memory), self.to_v(memory)))
        query, key, value = inputs
        key, value = (part.repeat_interleave(query.shape[1] // part.shape[1], 1) for part in (key, value))
        weights = (query @ key.transpose(-1, -2) / math.sqrt(self.size)).softmax(-1)
        return self.to_out((weights @ value).transpose(1, 2).flatten(2))


class Perceiver(nn.Module):
    """Latents read normalised features, then themselves; every layer has a norm of the features of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.zeros(3, HIDDEN))
        self.cross = nn.ModuleList(
            nn.ModuleDict({"attend": Attend(HIDDEN, VISUAL), "feed": Gated()}) for _ in range(2)
        )
        self.own = nn.ModuleList(nn.ModuleDict({"attend": Attend(), "feed": Gated()}) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN) for _ in range(8))
        self.norms_of_features = nn.ModuleList(nn.LayerNorm(VISUAL) for _ in range(2))

    def forward(self, visual: Tensor) -> Tensor:
        x = self.latents.expand(len(visual), -1, -1)
        norms = iter(self.norms)
        for cross, own, norm in zip(self.cross, self.own, self.norms_of_features):
            x = x + cross["attend"](next(norms)(x), norm(visual))
            x = x + cross["feed"](next(norms)(x))
            own_x = next(norms)(x)
            x = x + own["attend"](own_x, own_x)
            x = x + own["feed"](next(norms)(x))
        return x


class Reader(nn.Module):
    """Pre-norm cross-attention with a norm of the memory, without a feed-forward."""

    def __init__(self, size: int, memory: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(size, 2, kdim=memory, vdim=memory, batch_first=True)
        self.norm_q, self.norm_kv = nn.LayerNorm(size), nn.LayerNorm(memory)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        memory = self.norm_kv(memory)
        return x + self.attention(self.norm_q(x), memory, memory)[0]


class Exchange(nn.Module):
    """Streams of two sizes read what the other one was; one's first token and the other's mean are side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, 12), nn.Linear(TEXT, 16)
        self.to_visual = nn.ModuleList(Reader(12, 16) for _ in range(2))
        self.to_text = nn.ModuleList(Reader(16, 12) for _ in range(2))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v, t = self.visual(visual), self.text(text)
        for to_visual, to_text in zip(self.to_visual, self.to_text):
            v, t = to_visual(v, t), to_text(t, v)
        return torch.cat([t[:, 0], v.mean(1)], -1)


class OneSide(Exchange):
    """Text alone is returned: nothing reads what the last layer makes of the image."""

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v, t = self.visual(visual), self.text(text)
        for to_visual, to_text in zip(self.to_visual, self.to_text):
            v, t = to_visual(v, t), to_text(t, v)
        return t[:, 0]


class OneQuery(Perceiver):
    """One latent, which is the vector."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.zeros(1, HIDDEN))

    def forward(self, visual: Tensor) -> Tensor:
        return super().forward(visual)[:, 0]


class Placed(nn.Module):
    """A learned token and the positions of all, a parameter of each stream; a norm of the first token alone."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, 12), nn.Linear(TEXT, 16)
        self.cls, self.places, self.text_places = (nn.Parameter(torch.zeros(1, n, size)) for n, size in ((1, 12), (9, 12), (9, 16)))
        self.read, self.norm = Reader(12, 16), nn.LayerNorm(12)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        x, memory = torch.cat([self.cls, self.visual(visual)], 1), self.text(text)
        x, memory = x + self.places[:, : x.shape[1]], memory + self.text_places[:, : memory.shape[1]]
        return self.norm(self.read(x, memory)[:, 0])


class MultLayer(nn.Module):
    """A layer of MulT: one norm for queries and memory."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(size, 3, batch_first=True)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(2))
        self.fc1, self.fc2 = nn.Linear(size, 16), nn.Linear(16, size)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        query = self.norms[0](x)
        keys = query if memory is None else self.norms[0](memory)
        x = x + self.attention(query, keys, keys)[0]
        return x + self.fc2(F.relu(self.fc1(self.norms[1](x))))


class Mult(nn.Module):
    """Each of three modalities reads both others; what it found is side by side, encoded, and its last token is taken."""

    names = ("text", "audio", "visual")

    def __init__(self) -> None:
        super().__init__()
        sizes = {"text": TEXT, "audio": AUDIO, "visual": VISUAL}
        self.projections = nn.ModuleDict({name: nn.Linear(size, 6, bias=False) for name, size in sizes.items()})
        pairs = [f"{name}_{other}" for name in self.names for other in self.names if other != name]
        self.crossing = nn.ModuleDict({each: nn.ModuleList(MultLayer(6) for _ in range(2)) for each in pairs})
        self.last = nn.ModuleDict({each: nn.LayerNorm(6) for each in pairs})
        self.memory = nn.ModuleDict({name: MultLayer(12) for name in self.names})
        self.head = nn.Linear(36, 2)

    def crossed(self, name: str, source: str, x: dict[str, Tensor]) -> Tensor:
        found = x[name]
        for layer in self.crossing[f"{name}_{source}"]:  # type: ignore[union-attr]
            found = layer(found, x[source])
        return self.last[f"{name}_{source}"](found)

    def vector(self, text: Tensor, audio: Tensor, visual: Tensor) -> Tensor:
        x = {name: self.projections[name](of) for name, of in zip(self.names, (text, audio, visual))}
        vectors = []
        for name in self.names:
            both = torch.cat([self.crossed(name, other, x) for other in self.names if other != name], -1)
            vectors.append(self.memory[name](both)[:, -1])
        return torch.cat(vectors, -1)

    def forward(self, text: Tensor, audio: Tensor, visual: Tensor) -> Tensor:
        return self.head(self.vector(text, audio, visual))


class GroupedBlock(nn.Module):
    """Cross-attention of fewer heads of keys, and a gated feed-forward, post-norm."""

    def __init__(self) -> None:
        super().__init__()
        self.attend, self.feed = Attend(key_heads=2), Gated()
        self.norms = nn.ModuleList(nn.RMSNorm(HIDDEN, 1e-6) for _ in range(2))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.norms[0](x + self.attend(x, memory))
        return self.norms[1](x + self.feed(x))


class Rotated(nn.Module):
    """Encoders with rotations and one head of keys for each modality; text reads the image with two."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.of_visual, self.of_text = RotaryBlock(), RotaryBlock()
        self.read = nn.ModuleList(GroupedBlock() for _ in range(2))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        x, memory = self.of_text(self.text(text)), self.of_visual(self.visual(visual))
        for block in self.read:
            x = block(x, memory)
        return x


class SideBySide(nn.Module):
    """What text read is put beside the text, and encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, 12), nn.Linear(TEXT, 12)
        self.read, self.norm, self.mix = nn.MultiheadAttention(12, 2, batch_first=True), nn.LayerNorm(12), encoder(1)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        memory, x = self.visual(visual), self.text(text)
        found = self.norm(x + self.read(x, memory, memory)[0])
        return self.mix(torch.cat([x, found], -1))


def three() -> Sample:
    return sample(text=TEXT, audio=AUDIO, visual=VISUAL)


Named = Callable[[Any], dict[str, Any]]

#: By name: what builds the module, its sample, and the named parts of `export`.
MODULES_OF_MEMORY: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample], Named]] = {
    "perceiver": (Perceiver, lambda: sample(visual=VISUAL), lambda m: {}),
    "exchange": (Exchange, pair, lambda m: {}),
    "one-side": (OneSide, pair, lambda m: {}),
    "one-query": (OneQuery, lambda: sample(visual=VISUAL), lambda m: {}),
    "placed": (Placed, pair, lambda m: {}),
    "mult": (Mult, three, lambda m: {"call": lambda m, row: m.vector(*(x[None] for x in row.values()))}),
    "rotated": (Rotated, pair, lambda m: {}),
    "side-by-side": (SideBySide, pair, lambda m: {}),
}
