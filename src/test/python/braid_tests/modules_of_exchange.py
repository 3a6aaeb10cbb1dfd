"""Fusion modules whose streams attend to each other, and layers whose parts are anywhere, small and with random weights.

Start at `MODULES_OF_EXCHANGE`.
"""

from __future__ import annotations

from typing import Any, Callable

import torch
import transformers
from modules import HIDDEN, TEXT, VISUAL, Sample, SeedLayer, encoder, pair, sample
from modules_of_streams import HEADS, CrossBlock
from torch import Tensor, nn
from transformers.models.lxmert.modeling_lxmert import LxmertXLayer


class Pair(nn.Module):
    """A Linear per modality; subclasses say what runs over both streams."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)

    def exchange(self, text: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def forward(self, visual: Tensor, text: Tensor) -> Any:
        t, v = self.exchange(self.text(text), self.visual(visual))
        return torch.cat([t, v], 1)


class SharedCrossAttention(Pair):
    """LXMERT's layers of transformers: one cross-attention for both directions, then each stream's own layer."""

    def __init__(self) -> None:
        super().__init__()
        config = transformers.LxmertConfig(hidden_size=HIDDEN, num_attention_heads=HEADS, intermediate_size=28)
        self.layers = nn.ModuleList(LxmertXLayer(config) for _ in range(2))

    def exchange(self, text: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            text, visual = layer(text, None, visual, None)[:2]
        return text, visual


class Attention(nn.Module):
    """Attention as many write it, of a stream to itself or to another."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = HEADS
        self.to_q, self.to_kv = nn.Linear(HIDDEN, HIDDEN, bias=False), nn.Linear(HIDDEN, 2 * HIDDEN, bias=False)
        self.to_out = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.Dropout(0.1))

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        keys, values = self.to_kv(x if memory is None else memory).chunk(2, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.to_q(x), keys, values))
        weights = (q @ k.transpose(-1, -2) * (HIDDEN // self.heads) ** -0.5).softmax(-1)
        return self.to_out((weights @ v).transpose(1, 2).flatten(2))


class PreNormLayer(nn.Module):
    """Cross-attention, self-attention and feed-forward in lists, with norms before them."""

    def __init__(self) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(Attention() for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN) for _ in range(2))
        self.feed_forward = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, 20), nn.GELU(), nn.Linear(20, HIDDEN))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = x + self.attentions[0](self.norms[0](x), memory)
        x = x + self.attentions[1](self.norms[1](x))
        return x + self.feed_forward(x)


class CrossFirst(Pair):
    """Layers of one's own for each stream, which read what the other one was; text has an encoder before."""

    def __init__(self) -> None:
        super().__init__()
        self.before = encoder(1, norm_first=True)
        self.of_text = nn.ModuleList(PreNormLayer() for _ in range(3))
        self.of_visual = nn.ModuleList(PreNormLayer() for _ in range(3))

    def exchange(self, text: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        text = self.before(text)
        for of_text, of_visual in zip(self.of_text, self.of_visual):
            text, visual = of_text(text, visual), of_visual(visual, text)
        return text, visual


class DecoderLayers(Pair):
    """METER with torch's decoder layers; the first tokens of both streams are returned."""

    def __init__(self) -> None:
        super().__init__()
        options: dict[str, Any] = {"dim_feedforward": 28, "batch_first": True, "norm_first": True}
        self.of_text = nn.ModuleList(nn.TransformerDecoderLayer(HIDDEN, HEADS, **options) for _ in range(2))
        self.of_visual = nn.ModuleList(nn.TransformerDecoderLayer(HIDDEN, HEADS, **options) for _ in range(2))
        self.norm = nn.LayerNorm(HIDDEN)

    def exchange(self, text: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        for of_text, of_visual in zip(self.of_text, self.of_visual):
            text, visual = of_text(text, visual), of_visual(visual, text)
        return self.norm(text), visual


class OneAfterTheOther(Pair):
    """Text reads the image, then the image the new text: no exchange in one layer, but two stacks."""

    def __init__(self) -> None:
        super().__init__()
        self.to_text, self.to_visual = CrossBlock(), CrossBlock()

    def exchange(self, text: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        text = self.to_text(text, visual)
        return text, self.to_visual(visual, text)


class Bottleneck(nn.Module):
    """MBT with torch's layers: each stream has a learned token first; from layer 1 on fusion tokens follow its tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.audio = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.cls = nn.ParameterDict({name: torch.zeros(1, 1, HIDDEN) for name in ("visual", "audio")})
        self.fusion = nn.Parameter(torch.zeros(1, 3, HIDDEN))
        options: dict[str, Any] = {"dim_feedforward": 28, "batch_first": True, "norm_first": True, "activation": "gelu"}
        self.layers = nn.ModuleDict(
            {
                name: nn.ModuleList(nn.TransformerEncoderLayer(HIDDEN, HEADS, **options) for _ in range(3))
                for name in ("visual", "audio")
            }
        )
        self.norms = nn.ModuleDict({name: nn.LayerNorm(HIDDEN) for name in ("visual", "audio")})

    def forward(self, visual: Tensor, audio: Tensor) -> Any:
        projected = {"visual": self.visual(visual), "audio": self.audio(audio)}
        tokens = {name: torch.cat([self.cls[name], x], 1) for name, x in projected.items()}
        fusion = self.fusion
        for i in range(3):
            shared = []
            for name, x in tokens.items():
                layer: Any = self.layers[name]
                if i == 0:
                    tokens[name] = layer[i](x)
                    continue
                x = layer[i](torch.cat([x, fusion], 1))
                tokens[name] = x[:, :-3]
                shared.append(x[:, -3:])
            fusion = torch.stack(shared).mean(0) if shared else fusion
        return torch.cat([self.norms[name](x) for name, x in tokens.items()], 1)


class HandWrittenBottleneck(nn.Module):
    """Two layers written by hand for each of two streams; the fusion tokens stand first, and are the output."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.text = nn.Linear(VISUAL, HIDDEN), nn.Linear(TEXT, HIDDEN)
        self.tokens = nn.Parameter(torch.zeros(2, HIDDEN))
        self.visual_layers = nn.ModuleList(SeedLayer() for _ in range(2))
        self.text_layers = nn.ModuleList(SeedLayer() for _ in range(2))

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        v, t = self.visual(visual), self.text(text)
        shared = self.tokens[None]
        for of_visual, of_text in zip(self.visual_layers, self.text_layers):
            v, t = of_visual(torch.cat([shared, v], 1)), of_text(torch.cat([shared, t], 1))
            shared = self.exchanged(v[:, :2], t[:, :2])
            v, t = v[:, 2:], t[:, 2:]
        return shared

    def exchanged(self, of_visual: Tensor, of_text: Tensor) -> Tensor:
        return (of_visual + of_text) / 2


class PartsInLists(Pair):
    """Attention and feed-forward in lists, which are no module that runs; all tokens are one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.ModuleList(nn.LayerNorm(HIDDEN) for _ in range(2)) for _ in range(2))
        self.layers = nn.ModuleList(
            nn.ModuleList([Attention(), nn.Sequential(nn.Linear(HIDDEN, 20), nn.GELU(), nn.Linear(20, HIDDEN))])
            for _ in range(2)
        )

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        x = torch.cat([self.text(text), self.visual(visual)], 1)
        for layer, norms in zip(self.layers, self.norms):
            for part, norm in zip(layer, norms):  # type: ignore[call-overload]
                x = x + part(norm(x))
        return x


class BertLayers(Pair):
    """The encoder of BERT, whose attention and norms are deep in its layers."""

    def __init__(self) -> None:
        super().__init__()
        config = transformers.BertConfig(
            hidden_size=HIDDEN, num_attention_heads=HEADS, intermediate_size=28, num_hidden_layers=2, vocab_size=9
        )
        self.bert = transformers.BertModel(config, add_pooling_layer=False).encoder

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        return self.bert(torch.cat([self.text(text), self.visual(visual)], 1)).last_hidden_state


class AttentionInForward(Pair):
    """The module itself holds the Linears of an attention."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads = HEADS
        self.q, self.k, self.v, self.o = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.norm = nn.LayerNorm(HIDDEN)

    def forward(self, visual: Tensor, text: Tensor) -> Tensor:
        x, memory = self.text(text), self.visual(visual)
        inputs = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.q(x), self.k(memory), self.v(memory)))
        attended = nn.functional.scaled_dot_product_attention(*inputs)
        return self.norm(x + self.o(attended.transpose(1, 2).flatten(2)))


Named = Callable[[Any], dict[str, Any]]

#: By name: what builds the module, its sample, and the named parts of `export`.
MODULES_OF_EXCHANGE: dict[str, tuple[Callable[[], nn.Module], Callable[[], Sample], Named]] = {
    "shared-cross-attention": (SharedCrossAttention, pair, lambda m: {}),
    "cross-first": (CrossFirst, pair, lambda m: {}),
    "decoder-layers": (DecoderLayers, pair, lambda m: {}),
    "one-after-the-other": (OneAfterTheOther, pair, lambda m: {}),
    "bottleneck": (Bottleneck, lambda: sample(visual=VISUAL, audio=TEXT), lambda m: {}),
    "hand-written-bottleneck": (HandWrittenBottleneck, pair, lambda m: {}),
    "parts-in-lists": (PartsInLists, pair, lambda m: {}),
    "bert-layers": (BertLayers, pair, lambda m: {}),
    "attention-in-forward": (AttentionInForward, pair, lambda m: {}),
}
