"""LXMERT of transformers as a golden case of two streams. Start at `LxmertReference`.

Dimension letters: P rows, S tokens of a row in one stream, M tokens of one modality, D hidden size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import LxmertConfig, LxmertForQuestionAnswering, LxmertModel, PreTrainedModel
from transformers.models.lxmert.modeling_lxmert import LxmertAttention

from golden_case import Modality, masked
from reference import Reference
from stream_case import Stream, StreamCase
from stream_module import Layer, StreamModule, StreamRun

VOCABULARY = 11


@dataclass(frozen=True)
class LxmertCase(StreamCase):
    """A case of LXMERT: language layers, vision layers, and cross-modality layers, which are a layer of each stream."""

    pooling: str = "pooler"
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    streams: tuple[Stream, ...] = (Stream("text", ("text",)), Stream("visual", ("visual",)))
    output: tuple[str, ...] = ("text", "visual")
    model_class: type[PreTrainedModel] = LxmertModel
    language_layers: int = 2
    vision_layers: int = 1
    cross_layers: int = 2
    #: Rows of the text's position table.
    positions: int = 8


class LxmertReference(StreamModule):
    """The library's model on embedded text or token ids, and on visual features that are followed by their boxes."""

    def __init__(self, case: LxmertCase) -> None:
        Reference.__init__(self, case, leading=0)
        self.model = case
        self.settings = case
        _, visual = case.modalities
        config = LxmertConfig(
            vocab_size=VOCABULARY,
            hidden_size=case.hidden_size,
            num_attention_heads=case.heads,
            intermediate_size=case.intermediate_size,
            hidden_act=case.hidden_act,
            max_position_embeddings=case.positions,
            l_layers=case.language_layers,
            r_layers=case.vision_layers,
            x_layers=case.cross_layers,
            visual_feat_dim=visual.feature_size,
            visual_pos_dim=visual.box_size,
            num_qa_labels=3,
        )
        self.library = case.model_class(config)

    def run(self, features: list[Tensor], keep: list[Tensor] | None = None) -> StreamRun:
        text, visual = features
        size = self.settings.modalities[1].feature_size
        masks = {} if keep is None else {"attention_mask": keep[0].long(), "visual_attention_mask": keep[1].long()}
        ids = self.settings.modalities[0].vocabulary > 0
        inputs = {"input_ids": text[..., 0].long()} if ids else {"inputs_embeds": text}
        bare = cast(nn.Module, self.library.base_model)
        weights: list[Tensor] = []
        modules = [part for part in bare.modules() if isinstance(part, LxmertAttention)]
        keep_softmax = lambda part, args: weights.append(softmax(part, *args))
        hooks = [part.register_forward_pre_hook(keep_softmax) for part in modules]
        outputs = bare(
            **inputs,
            **masks,
            visual_feats=visual[..., :size],
            visual_pos=visual[..., size:],
            output_hidden_states=True,
            output_attentions=True,
        )
        for hook in hooks:
            hook.remove()
        layers = self.layers_of(outputs, weights)
        both = (outputs.language_output, outputs.vision_output)
        attentions = [weight for layer in layers for weight, _ in layer.attention]
        return StreamRun(
            [layer.output for layer in layers],
            torch.cat(both, dim=1),
            attentions,
            outputs.pooled_output,
            tuple(layers),
            both,
        )

    def layers_of(self, outputs: Any, weights: list[Tensor]) -> list[Layer]:
        """Orders outputs and weights as stacks run: language, vision, then text and visual of each cross-modality layer."""
        text, visual = iter(outputs.language_hidden_states), iter(outputs.vision_hidden_states)
        calls = iter(weights)
        layers = [Layer(next(text), "text", [(next(calls), "text")]) for _ in range(self.settings.language_layers)]
        layers += [Layer(next(visual), "visual", [(next(calls), "visual")]) for _ in range(self.settings.vision_layers)]
        for i in range(self.settings.cross_layers):
            text_to_visual, visual_to_text, text_to_text, visual_to_visual = (next(calls) for _ in range(4))
            assert torch.allclose(text_to_visual, outputs.cross_encoder_attentions[i])
            layers.append(Layer(next(text), "text", [(text_to_visual, "visual"), (text_to_text, "text")]))
            layers.append(Layer(next(visual), "visual", [(visual_to_text, "text"), (visual_to_visual, "visual")]))
        return layers

    def save(self, directory: Path, weights: dict[str, Tensor]) -> None:
        self.library.save_pretrained(directory)


def softmax(attention: LxmertAttention, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
    """The weights [P, heads, S, keys] of an attention of x [P, S, D]; the library returns some of them alone."""
    heads, size = attention.num_attention_heads, attention.attention_head_size
    query, key = (y.unflatten(-1, (heads, size)).transpose(1, 2) for y in (attention.query(x), attention.key(context)))
    scores = query @ key.transpose(-1, -2) / math.sqrt(size)
    return torch.softmax(scores if mask is None else scores + mask, dim=-1)


LXMERT_CASES = (
    LxmertCase(
        "lxmert",
        "cross-attention shares weights; features and boxes are normalised each and averaged; embedded text",
        seed=241,
        modalities=(Modality("text", 18, (2, 6, 1)), Modality("visual", 9, (3, 1, 5), box_size=4)),
        hidden_size=18,
        heads=3,
        layers=7,
        intermediate_size=16,
        traps=("positions forgotten", "text type row forgotten", "located boxes forgotten", "the other GELU"),
    ),
    LxmertCase(
        "lxmert-ids-masks",
        "prefix `lxmert.`, a task head unused; token ids; masked tokens in both streams, the pooled one is kept",
        seed=242,
        modalities=(
            replace(masked("text", 20, "1011", "10001", "111"), vocabulary=VOCABULARY),
            replace(masked("visual", 7, "0110", "0001", "1"), box_size=5),
        ),
        hidden_size=20,
        heads=4,
        layers=4,
        intermediate_size=28,
        hidden_act="relu",
        model_class=LxmertForQuestionAnswering,
        language_layers=1,
        cross_layers=1,
        traps=("mask ignored", "word embeddings shifted", "located boxes forgotten"),
    ),
)
