"""Runs Braid's commands in a Spark session, and shows Braid's errors without Spark's traces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from py4j.java_gateway import JavaPackage
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkContext
from pyspark.errors import PySparkException

from braid.errors import BraidError
from braid.jar import jar_path

_PREFIX = "dev.braid."
_SAID = re.compile(r"dev\.braid\.[\w.]+(?:\)|:) (.*?)(?=\s+at [\w.$]+\(|\s+(?:JVM|Driver) stacktrace:|\Z)", re.DOTALL)


def inspect(model: str | None = None, **options: Any) -> str:
    """Shows a model, or how a table fits it: the report of `braid inspect`.

    Args:
        model: the model directory.
        options: those of the command, such as `paired="pairs"` or `dtype={"visual": "float16"}`.

    Raises:
        BraidError: the model or the table is wrong.
    """
    return _run("inspect", {"model": model, **options})


def verify(model: str, **options: Any) -> str:
    """Replays a model's `golden.safetensors`: the report of `braid verify`.

    Args:
        model: the model directory.
        options: those of the command, such as `precision="bf16"`.

    Raises:
        BraidError: the numbers are not PyTorch's.
    """
    return _run("verify", {"model": model, **options})


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns an exception of Spark that an error of Braid caused into a `BraidError` with that error's message.

    `with braid.plain_errors(): fused.write.parquet("fused")` names the row that cannot be fused, without a Java trace.
    """
    try:
        yield
    except (Py4JError, PySparkException) as failure:
        message = _message(failure)
        if message is None:
            raise
        raise BraidError(message) from None


def java(name: str) -> Any:
    """A Java class of Braid in the JVM of the Spark session.

    Raises:
        BraidError: there is no session with a JVM, or its class path lacks the jar.
    """
    context = SparkContext._active_spark_context
    if context is None or context._jvm is None:
        raise BraidError(
            "Cannot reach Braid: expected a Spark session in this process, got none; start one with SparkSession.builder"
            ".config('spark.jars', braid.jar_path()).getOrCreate()"
        )
    found: Any = context._jvm
    for part in name.split("."):
        found = getattr(found, part)
    if isinstance(found, JavaPackage):
        try:
            said = f"'{jar_path()}'"
        except BraidError:
            said = "Braid's jar"
        raise BraidError(
            f"Cannot reach Braid: expected {said} in the Spark session, got a session without it; stop the session and"
            " start it with .config('spark.jars', braid.jar_path())"
        )
    return found


def _run(command: str, options: Mapping[str, Any]) -> str:
    braid = java("dev.braid.job.Braid")
    gateway: Any = SparkContext._gateway
    words = [command, *_words(options)]
    arguments = gateway.new_array(gateway.jvm.java.lang.String, len(words))
    for place, word in enumerate(words):
        arguments[place] = word
    texts = [gateway.jvm.java.io.StringWriter() for _ in range(2)]
    out, error = (gateway.jvm.java.io.PrintWriter(text, True) for text in texts)
    code = braid.run(arguments, out, error)
    report, problem = (str(text.toString()).rstrip("\n") for text in texts)
    if code != 0:
        raise BraidError(problem)
    return report


def _words(options: Mapping[str, Any]) -> Iterator[str]:
    """Options as the command line spells them."""
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, Mapping):
            for modality, each in value.items():
                yield from (option, f"{modality}={each}")
        elif value is True:
            yield option
        elif isinstance(value, (list, tuple)):
            yield from (option, ",".join(map(str, value)))
        elif value is not None and value is not False:
            yield from (option, str(value))


def _message(failure: Exception) -> str | None:
    """Braid's message in an exception of Spark; None if there is none."""
    cause = failure.java_exception if isinstance(failure, Py4JJavaError) else getattr(failure, "_origin", None)
    while cause is not None:
        if cause.getClass().getName().startswith(_PREFIX):
            return str(cause.getMessage())
        cause = cause.getCause()
    said = _SAID.search(str(failure))  # by a server, which sends no causes
    return said and said[1].strip()
