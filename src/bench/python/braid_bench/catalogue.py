"""The models that are measured, by the label that a report gives them."""

from braid_bench.models import Modality, Model
from braid_bench.streams import Lxmert, TwoStreams

_IMAGE_AND_TEXT = Modality("visual", 2048, 49), Modality("text", 768, 32, ragged=(4, 64))
_PATCHES_AND_WORDS = Modality("visual", 768, 197), Modality("text", 768, 64, ragged=(4, 64))
_SMALL = Modality("visual", 32, 2), Modality("text", 16, 4, ragged=(1, 8))

#: Measured unless others are named.
PUBLISHED = {
    "i": Model(_IMAGE_AND_TEXT, 256, 8, 2, 2048),
    "ii": Model(_IMAGE_AND_TEXT, 256, 8, 2, 1024),
    "iii": Model((Modality("visual", 512, 10), Modality("text", 512, 10, ragged=(4, 16))), 512, 8, 1, 2048, rows=512),
    "iv": Model(_PATCHES_AND_WORDS, 768, 12, 6, 3072, "gelu", rows=32),
    "v": Model(_PATCHES_AND_WORDS, 768, 12, 6, 3072, "gelu", norm_first=True, rows=32),
    "vi": Model((Modality("visual", 512, 1), Modality("text", 512, 1)), 256, 8, 2, 1024, rows=8192),
    "two-streams": TwoStreams(_PATCHES_AND_WORDS, 768, 12, 6, 3072, "gelu", rows=16),
    "lxmert": Lxmert(
        (Modality("text", 768, 20, ragged=(4, 20)), Modality("visual", 2048, 36, box_size=4)),
        768,
        12,
        5,
        3072,
        "gelu",
        rows=32,
    ),
}

#: Also those that only show the reading and writing of rows, and the tests' own.
MODELS = PUBLISHED | {
    "read": Model(_IMAGE_AND_TEXT, 32, 2, 1, 64),
    "write": Model((Modality("visual", 16, 4), Modality("text", 16, 6)), 256, 8, 1, 64),
    "small": Model(_SMALL, 32, 2, 1, 64, rows=40),
    "small pre-norm": Model(_SMALL, 32, 2, 2, 64, "gelu", norm_first=True, rows=40),
    "small two-streams": TwoStreams(_SMALL, 32, 2, 1, 64, rows=40),
    "small lxmert": Lxmert(
        (Modality("text", 32, 4, ragged=(1, 8)), Modality("visual", 24, 2, box_size=4)),
        32,
        2,
        1,
        64,
        "gelu",
        rows=40,
        language_layers=2,
        vision_layers=1,
    ),
}
