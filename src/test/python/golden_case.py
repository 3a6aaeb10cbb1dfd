"""What a golden case is, as data. Start at `Case`; the cases stand in the modules `*_cases.py`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: Wrong variants that every case tells from the right one, where it does not say otherwise; see `traps.py`.
EVERY_CASE = ("q and k swapped", "square matrices transposed")


@dataclass(frozen=True)
class Modality:
    """One modality of a case: `lengths` holds its token count in each row; `bias` is the projection's."""

    name: str
    feature_size: int
    lengths: tuple[int, ...]
    bias: bool = True
    #: False feeds the features to the encoder as they are.
    projected: bool = True
    #: Per row a digit for each of its tokens: 1 keeps, 0 masks. Empty without a mask.
    kept: tuple[str, ...] = ()
    #: Rows of the position table; 0 without one.
    positions: int = 0
    #: Numbers of the box next to each token's features; 0 without boxes.
    box_size: int = 0
    #: Words that a token's id chooses from; 0 where tokens are features.
    vocabulary: int = 0

    @property
    def token_size(self) -> int:
        """Numbers of a token while a case runs: its id, or its features followed by its box."""
        return 1 if self.vocabulary else self.feature_size + self.box_size

    def stored(self, tokens: Tensor) -> dict[str, Tensor]:
        """Splits tokens [P, M, token size] into what golden.safetensors holds."""
        if self.vocabulary:
            return {f"{self.name}.ids": tokens[..., 0].long()}
        stored = {f"{self.name}.features": tokens[..., : self.feature_size]}
        if self.box_size:
            stored[f"{self.name}.boxes"] = tokens[..., self.feature_size :]
        return stored

    def within_length(self) -> Tensor:
        """Returns [P, longest M], true where a position lies within its row's length."""
        return torch.arange(max(self.lengths))[None, :] < torch.tensor(self.lengths)[:, None]

    def keep(self) -> Tensor:
        """Returns [P, longest M], true at tokens that take part."""
        keep = self.within_length()
        for row, digits in enumerate(self.kept):
            keep[row, : len(digits)] = torch.tensor([digit == "1" for digit in digits])
        return keep

    def lengths_and_mask(self) -> dict[str, Tensor]:
        """Returns what golden.safetensors holds: a mask where there is one, lengths where they say more than it."""
        tensors = {}
        if not self.kept or len(set(self.lengths)) > 1:
            tensors[f"{self.name}.lengths"] = torch.tensor(self.lengths, dtype=torch.int64)
        if self.kept:
            tensors[f"{self.name}.mask"] = self.keep().long()
        return tensors


def masked(name: str, feature_size: int, *kept: str, positions: int = 0) -> Modality:
    """Returns a modality with a mask: a row per string, a digit per token."""
    return Modality(name, feature_size, tuple(len(digits) for digits in kept), kept=kept, positions=positions)


@dataclass(frozen=True)
class Case:
    """One golden directory. `hazard` says what a wrong implementation gets wrong here."""

    name: str
    hazard: str
    seed: int
    modalities: tuple[Modality, ...]
    hidden_size: int
    heads: int
    layers: int
    intermediate_size: int
    pooling: str = "mean"
    hidden_act: str = "relu"
    layer_norm_eps: float = 1e-5
    #: Factors on the random values of a tensor, by its name in the module, or of `<modality>.features`.
    scales: tuple[tuple[str, float], ...] = ()
    stored_dtype: torch.dtype = torch.float32
    #: Wrong variants that this case must tell from the right one, besides `EVERY_CASE`.
    traps: tuple[str, ...] = ()
    #: Those of `EVERY_CASE` that leave no trace here.
    blind_to: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.modalities[0].lengths)

    @property
    def masked(self) -> bool:
        return any(modality.kept for modality in self.modalities)

    def wrong_variants(self) -> list[str]:
        return [name for name in (*EVERY_CASE, *self.traps) if name not in self.blind_to]


@dataclass(frozen=True)
class FusionCase(Case):
    """A case of the project's own kind, `fusion_encoder`."""

    #: Half the bytes of float32 in the repository.
    stored_dtype: torch.dtype = torch.float16
    #: False leaves out every bias of the encoder layers, and the final norm's.
    layer_bias: bool = True
    norm_first: bool = False
    norm_type: str = "layer_norm"
    #: True multiplies the activated first Linear with another one.
    gated: bool = False
    #: Heads of keys and values; 0 for as many as heads.
    key_value_heads: int = 0
    #: Pairs that are rotated: `half`, `interleaved`, or none.
    rotary: str = ""
    rope_theta: float = 10000.0
    #: True takes EuroBERT's layers, a bidirectional Llama, in place of torch's.
    eurobert: bool = False
    #: `concatenated`, `sinusoidal` or `sinusoidal_concatenated`, in place of tables of the modalities.
    row_positions: str = ""
    #: Rows of the table of `concatenated`, or `max_position_embeddings`.
    max_positions: int = 0
    final_norm: bool = False
    cls_token: bool = False
    modality_embeddings: bool = False
    #: How projected boxes join projected features: `sum` or `mean`, each normalised before.
    box_fusion: str = "sum"
    embedding_norm: bool = False
    #: True takes the seed's own layer in place of torch's.
    own_layer: bool = False
    #: True makes `transformer_encoder` the one layer itself, not a stack.
    single_layer: bool = False
    #: Text replaced, in this order, in the stored tensor names.
    renames: tuple[tuple[str, str], ...] = ()
    tensor_prefixes: tuple[tuple[str, str], ...] = ()
    #: Keys that config.json leaves to their defaults.
    config_omits: tuple[str, ...] = ()

    @property
    def position_embeddings(self) -> bool:
        return any(modality.positions for modality in self.modalities)


def visual_and_text(
    visual: tuple[int, tuple[int, ...]], text: tuple[int, tuple[int, ...]], text_bias: bool = True
) -> tuple[Modality, ...]:
    """Pairs (feature size, lengths) of the visual and the text modality, in the seed's token order."""
    return Modality("visual", *visual), Modality("text", *text, bias=text_bias)


SMALL = visual_and_text((6, (3, 1, 5)), (9, (2, 6, 1)))
