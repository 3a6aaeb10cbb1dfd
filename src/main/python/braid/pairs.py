"""Pairs of rows whose features are stored once."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from braid.errors import BraidError


def join_features(
    pairs: DataFrame,
    features: Mapping[str, DataFrame],
    *,
    pair: Mapping[str, str],
    id: Mapping[str, str] | None = None,
) -> DataFrame:
    """The pairs with the columns of the feature rows that they refer to, for `fuse`. Nothing is computed before an
    action.

    Pairs that refer to the same row of the last table follow each other, so that `fuse` projects its features once:
    name the heaviest modality last. No table is broadcast. If a pair refers to no row, its columns are null; if an id
    occurs twice, its pairs occur twice. For large tables use `jobs/fuse.sh --pairs`, which checks the ids and moves
    less data.

    Args:
        features: the feature table of each modality: a column of ids, and those of features, masks and lengths.
        pair: the column of the pairs that refers to a modality, `{"visual": "image_id"}`.
        id: the column of a feature table with the ids, if it has another name than that of the pairs.

    Raises:
        BraidError: a modality has a table and no column of the pairs, or the reverse; or a column is missing.
    """
    ids = {**pair, **(id or {})}
    problems = [f"modality '{name}': expected a table in features, got none" for name in ids if name not in features]
    problems += [f"modality '{name}': expected a column in pair, got none" for name in features if name not in pair]
    for name, table in features.items():
        if name in pair and pair[name] not in pairs.columns:
            problems.append(f"modality '{name}': expected column '{pair[name]}' in the pairs, got {pairs.columns}")
        if name in ids and ids[name] not in table.columns:
            problems.append(f"modality '{name}': expected column '{ids[name]}' in its table, got {table.columns}")
    if problems:
        raise BraidError("Cannot join features:\n  " + "\n  ".join(problems))
    joined = pairs
    for name, table in features.items():
        own = f"_braid_id_of_{name}"
        named = table.withColumnRenamed(ids[name], own).hint("merge")
        joined = joined.join(named, F.col(f"`{pair[name]}`") == F.col(f"`{own}`"), "left").drop(own)
    return joined
