"""Fuses Spark DataFrames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from py4j.java_collections import JavaArray
from pyspark import keyword_only
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.ml.wrapper import JavaTransformer
from pyspark.sql import DataFrame
from pyspark.sql.utils import is_remote

from braid.session import java, plain_errors

_JAVA = "dev.braid.ml.FusionTransformer"
_T = TypeVar("_T")
#: The values of an option that is given per modality.
ByModality = Mapping[str, str]


def _entries(value: Any) -> list[str]:
    """`{"visual": "img"}` as `["visual=img"]`; a list stays."""
    if isinstance(value, Mapping):
        return [f"{modality}={each}" for modality, each in value.items()]
    return TypeConverters.toListString(value)


def _names(value: Any) -> list[str]:
    """`"pooled,tokens"` as a list; a list stays."""
    return value.split(",") if isinstance(value, str) else TypeConverters.toListString(value)


def _param(name: str, doc: str, converter: Callable[[Any], _T]) -> Param[_T]:
    return Param(Params._dummy(), name, doc, typeConverter=converter)


class FusionTransformer(JavaTransformer, DefaultParamsReadable["FusionTransformer"], DefaultParamsWritable):
    """A stage of a Spark ML pipeline that appends fused columns to a table which holds every modality.

    Its parameters are the options of `braid fuse`, in Spark ML's spelling: `--max-tokens` is `maxTokens`. Nothing is computed
    before an action asks for a fused column. A saved transformer names the model's directory and does not contain it.

    `FusionTransformer(model="model", column={"visual": "img"}).transform(df)`

    Raises:
        BraidError: `transform` raises it if a parameter, the model or a column is wrong. A row that cannot be fused fails the
            action that computes it; `plain_errors` shows its message alone.
    """

    _input_kwargs: dict[str, Any]

    model = _param("model", "the model directory", TypeConverters.toString)
    modelSha256 = _param(
        "modelSha256", "the SHA-256 that the model directory must have; any if not set", TypeConverters.toString
    )
    key = _param("key", "the column by which messages name a row; none if not set", TypeConverters.toString)
    column = _param("column", "the columns of features, by modality; by default, a modality's column has its name", _entries)
    dtype = _param(
        "dtype", "the types of the numbers in binary columns, by modality: float32, float64, float16 or bfloat16", _entries
    )
    boxes = _param("boxes", "the columns of boxes, by modality; one for each modality with boxes", _entries)
    mask = _param("mask", "the columns that say which tokens are kept, by modality", _entries)
    length = _param("length", "the columns that say how many tokens are kept, by modality", _entries)
    emit = _param("emit", "what to append: pooled, tokens, attention, attention-by-layer", _names)
    vectors = _param(
        "vectors",
        "how vectors are stored: vector (Spark ML's; for tokens, arrays of them), array, float32, float16 or int8",
        TypeConverters.toString,
    )
    pooling = _param(
        "pooling",
        "how a row's tokens become one vector: mean, max, last, cls, pooler or none; the model's own if not set",
        TypeConverters.toString,
    )
    truncate = _param(
        "truncate",
        "whether to cut a sequence that has more tokens than the model has positions",
        TypeConverters.toBoolean,
    )
    maxTokens = _param("maxTokens", "the token budget of one batch, and therefore of one row", TypeConverters.toInt)
    precision = _param(
        "precision", "the precision in which the model computes: fp32, bf16 or int8", TypeConverters.toString
    )
    onMissingModality = _param(
        "onMissingModality",
        "what happens to a row in which a modality is null: fail, or fuse-rest",
        TypeConverters.toString,
    )
    noVerify = _param(
        "noVerify",
        "whether to skip the check against the model's golden.safetensors before the first use",
        TypeConverters.toBoolean,
    )
    tolerance = _param(
        "tolerance",
        "the largest error allowed in the check against golden.safetensors, relative to the root mean square of a vector",
        TypeConverters.toFloat,
    )

    @keyword_only
    def __init__(
        self,
        *,
        model: str | None = None,
        modelSha256: str | None = None,
        key: str | None = None,
        column: ByModality | Iterable[str] | None = None,
        dtype: ByModality | Iterable[str] | None = None,
        boxes: ByModality | Iterable[str] | None = None,
        mask: ByModality | Iterable[str] | None = None,
        length: ByModality | Iterable[str] | None = None,
        emit: str | Iterable[str] | None = None,
        vectors: str | None = None,
        pooling: str | None = None,
        truncate: bool | None = None,
        maxTokens: int | None = None,
        precision: str | None = None,
        onMissingModality: str | None = None,
        noVerify: bool | None = None,
        tolerance: float | None = None,
    ) -> None:
        super().__init__()
        if not is_remote():
            java(_JAVA)
        self._java_obj = self._new_java_obj(_JAVA, self.uid)
        if not is_remote():
            self._take_defaults()
        self._set(**self._input_kwargs)

    def _take_defaults(self) -> None:
        """Takes the defaults of the Java transformer, which are those of the command, except `vectors`."""
        self._transfer_params_from_java()
        for param, value in list(self._defaultParamMap.items()):
            if isinstance(value, JavaArray):
                self._setDefault(**{param.name: list(value)})

    def _transform(self, dataset: DataFrame) -> DataFrame:
        with plain_errors():
            return super()._transform(dataset)


def fuse(
    table: DataFrame,
    model: str,
    *,
    model_sha256: str | None = None,
    key: str | None = None,
    column: ByModality | None = None,
    dtype: ByModality | None = None,
    boxes: ByModality | None = None,
    mask: ByModality | None = None,
    length: ByModality | None = None,
    emit: str | Iterable[str] = "pooled",
    vectors: str = "array",
    pooling: str | None = None,
    truncate: bool = False,
    max_tokens: int | None = None,
    precision: str | None = None,
    on_missing_modality: str | None = None,
    no_verify: bool = False,
    tolerance: float | None = None,
) -> DataFrame:
    """The columns of a table that holds every modality, and the fused ones. Nothing is computed before an action asks for it.

    The arguments are options of `braid fuse`, with the same defaults. Those per modality take a dictionary.

    Args:
        table: has a column per modality: lists of tokens, flat lists, bytes or Spark ML's vectors; or lists of token ids.
        model: the model directory, which each call reads again.
        model_sha256: the SHA-256 that the model directory must have; by default any.
        key: the column by which messages name a row; by default none.
        column: the feature columns, `{"visual": "img"}`; by default the modality's name.
        dtype: the numbers in binary columns: float32 (default), float64, float16 or bfloat16.
        boxes: the columns of boxes, one for each modality that has boxes.
        mask: columns of arrays with one entry per token; 1 or true keeps the token.
        length: instead of a mask, columns with the number of tokens to keep, counted from the first.
        emit: what to append: pooled, tokens, attention, attention-by-layer.
        vectors: how vectors are stored: array, float32, float16, int8, or vector for Spark ML's.
        pooling: mean, max, last, cls, pooler or none; by default the model's.
        truncate: whether to cut a sequence that is longer than the model's position table; by default its row is bad.
        max_tokens: the largest number of tokens in a batch, and so in a row; by default 4096.
        precision: fp32 (default), bf16 or int8.
        on_missing_modality: what happens to a row in which a modality is null: fail (default), or fuse-rest.
        no_verify: do not replay the model's golden.safetensors first.
        tolerance: the largest difference allowed from golden.safetensors, relative to the root mean square of a vector; by
            default 1e-4.

    Raises:
        BraidError: an option, the model or a column is wrong.
    """
    options: dict[str, Any] = {
        "model": model, "modelSha256": model_sha256, "key": key, "column": column, "dtype": dtype, "boxes": boxes,
        "mask": mask, "length": length, "emit": emit, "vectors": vectors, "pooling": pooling, "truncate": truncate,
        "maxTokens": max_tokens, "precision": precision, "onMissingModality": on_missing_modality, "noVerify": no_verify,
        "tolerance": tolerance,
    }  # fmt: skip
    return FusionTransformer(**{name: value for name, value in options.items() if value is not None}).transform(table)
