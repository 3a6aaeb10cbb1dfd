"""Fusion from PySpark: the demo's model and rows, in a real session of a JVM of its own, and through a Spark Connect server."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import braid
import braid.session as session
import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.sql import DataFrame, SparkSession

HOME = Path(__file__).resolve().parents[4]
DEMO = HOME / "src" / "demo"
MODEL = str(DEMO / "model")
HALVES = {"visual": "float16", "text": "float16"}


@pytest.fixture(scope="module")
def pairs(spark: SparkSession) -> DataFrame:
    """A row per emoji, with both modalities."""
    visual = spark.read.parquet(str(DEMO / "visual.parquet")).select("codepoints", "visual")
    return visual.join(spark.read.parquet(str(DEMO / "text.parquet")).select("codepoints", "text"), "codepoints").cache()


@functools.cache
def expected() -> dict[str, np.ndarray]:
    table = pq.read_table(HOME / "src" / "test" / "resources" / "demo" / "expected_fused.parquet")
    return dict(zip(table["codepoints"].to_pylist(), map(np.array, table["fused"].to_pylist())))


def assert_expected(vectors: dict[str, np.ndarray], tolerance: float) -> None:
    assert vectors.keys() == expected().keys()
    for key, vector in vectors.items():
        np.testing.assert_allclose(vector, expected()[key], atol=tolerance, rtol=tolerance)


def test_fuse_appends_columns_with_pytorchs_numbers(pairs: DataFrame) -> None:
    fused = braid.fuse(pairs, MODEL, dtype=HALVES)
    assert fused.columns == ["codepoints", "visual", "text", "fused"]
    rows = fused.select("codepoints", "fused").collect()
    assert_expected({row.codepoints: np.array(row.fused) for row in rows}, 2e-5)


def test_a_transformer_stands_in_a_pipeline_that_is_saved_and_loaded(pairs: DataFrame, tmp_path: Path) -> None:
    fusion = braid.FusionTransformer(model=MODEL, dtype=HALVES, column={"visual": "visual"})
    assert fusion.getOrDefault("maxTokens") == 4096
    assert fusion.getOrDefault("dtype") == ["visual=float16", "text=float16"]
    Pipeline(stages=[fusion]).fit(pairs).write().overwrite().save(str(tmp_path / "pipeline"))
    loaded = PipelineModel.load(str(tmp_path / "pipeline"))
    assert isinstance(loaded.stages[0], braid.FusionTransformer)
    assert loaded.stages[0].uid == fusion.uid
    rows = loaded.transform(pairs).select("codepoints", "fused").collect()
    assert_expected({row.codepoints: row.fused.toArray() for row in rows}, 2e-5)
    short = fusion.copy({fusion.vectors: "float16"}).transform(pairs)
    assert dict(short.dtypes)["fused"] == "binary"
    assert dict(fusion.transform(pairs).dtypes)["fused"] == "vector"


def test_pairs_are_fused_with_the_features_they_refer_to(spark: SparkSession, pairs: DataFrame) -> None:
    """Each picture with the texts of all: those of its own row have PyTorch's numbers."""
    demo = spark.read.parquet(str(DEMO / "pairs.parquet"))
    features = {m: pairs.select("codepoints", m) for m in ("text", "visual")}
    own = pairs.selectExpr("codepoints as picture", "codepoints as words", "true as same")
    others = demo.selectExpr("codepoints as picture", "'1F436' as words", "false as same")
    joined = braid.join_features(
        own.union(others), features, pair={"text": "words", "visual": "picture"}, id={m: "codepoints" for m in features}
    )
    assert joined.columns == ["picture", "words", "same", "text", "visual"]
    fused = braid.fuse(joined, MODEL, dtype=HALVES).select("picture", "words", "same", "fused").collect()
    assert len(fused) == 390 + 1508
    assert_expected({row.picture: np.array(row.fused) for row in fused if row.same}, 2e-5)
    dogs = {row.picture: row.fused for row in fused if row.words == "1F436"}
    assert all(row.fused == dogs[row.picture] for row in fused if row.words == "1F436")
    keywords = spark.read.parquet(str(DEMO / "keywords.parquet"))
    tables = {"text": keywords, "visual": features["visual"]}
    spoken = braid.join_features(demo, tables, pair={"text": "keyword", "visual": "codepoints"})
    assert braid.fuse(spoken, MODEL, dtype=HALVES).count() == 1508


def test_features_that_cannot_be_joined_are_named(pairs: DataFrame) -> None:
    with pytest.raises(braid.BraidError) as failure:
        braid.join_features(pairs, {"visual": pairs, "text": pairs}, pair={"visual": "nosuch", "audio": "codepoints"})
    assert "modality 'audio': expected a table in features, got none" in str(failure.value)
    assert "modality 'text': expected a column in pair, got none" in str(failure.value)
    assert "modality 'visual': expected column 'nosuch' in the pairs" in str(failure.value)


def test_what_is_wrong_is_said_in_one_message_without_a_trace(pairs: DataFrame) -> None:
    with pytest.raises(braid.BraidError, match="'vectors': expected .*, got 'float8'") as failure:
        braid.fuse(pairs, MODEL, dtype=HALVES, vectors="float8", precision="fp8")
    assert "'precision': expected fp32, bf16, int8, got 'fp8'" in str(failure.value)
    with pytest.raises(braid.BraidError, match="'/absent'") as failure:
        braid.fuse(pairs, "/absent")
    with pytest.raises(braid.BraidError, match="'text'"):
        braid.fuse(pairs.drop("text"), MODEL, dtype=HALVES)
    with pytest.raises(braid.BraidError, match="Cannot decode row") as failure, braid.plain_errors():
        braid.fuse(pairs, MODEL, dtype=HALVES, key="codepoints", max_tokens=5).select("fused").collect()
    assert "\tat " not in str(failure.value)
    with pytest.raises(ZeroDivisionError), braid.plain_errors():
        _ = 1 / 0


def test_commands_give_their_reports(spark: SparkSession) -> None:
    assert "visual" in braid.inspect(MODEL)
    assert "largest error" in braid.verify(MODEL)
    with pytest.raises(braid.BraidError, match="unknown one; the nearest is '--model'"):
        braid.inspect(modle=MODEL)
    with pytest.raises(braid.BraidError, match="/absent"):
        braid.verify("/absent")


@pytest.mark.parametrize(
    ("form", "tolerance"),
    [("array", 2e-5), ("float32", 2e-5), ("float16", 1e-3), ("int8", 2e-2)],
)
def test_vectors_are_read_as_numpy_arrays(spark: SparkSession, tmp_path: Path, form: str, tolerance: float) -> None:
    options = {
        "model": MODEL, "features": {m: DEMO / f"{m}.parquet" for m in HALVES}, "dtype": HALVES, "key": "codepoints",
        "emit": ["pooled", "tokens"], "vectors": form, "output": tmp_path / "fused", "partitions": 3,
    }  # fmt: skip
    assert "rows         390" in session._run("fuse", options)
    keys, vectors = braid.read_vectors(str(tmp_path / "fused"))
    assert vectors.dtype == np.float32
    assert_expected(dict(zip(keys.to_pylist(), vectors)), tolerance)
    same, tokens = braid.read_vectors((tmp_path / "fused").as_uri(), "fused_tokens")
    assert same.to_pylist() == keys.to_pylist()
    # The demo's model has mean pooling.
    np.testing.assert_allclose([row.mean(axis=0) for row in tokens], vectors, atol=3 * tolerance, rtol=3 * tolerance)


def test_a_stream_is_fused_batch_by_batch(spark: SparkSession, pairs: DataFrame, tmp_path: Path) -> None:
    """The recipe of src/docs/streams.md."""
    pairs.repartition(2).write.parquet(str(tmp_path / "pairs"))
    fusion = braid.FusionTransformer(model=MODEL, dtype=HALVES, vectors="float32")
    stream = spark.readStream.schema(pairs.schema).option("maxFilesPerTrigger", 1).parquet(str(tmp_path / "pairs"))
    query = stream.writeStream.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True)
    query.foreachBatch(
        lambda batch, id: fusion.transform(batch).write.mode("overwrite").parquet(str(tmp_path / "fused" / f"batch={id}"))
    ).start().awaitTermination()
    rows = spark.read.parquet(str(tmp_path / "fused")).collect()
    assert {row.batch for row in rows} == {0, 1}
    assert_expected({row.codepoints: np.frombuffer(row.fused, "<f4") for row in rows}, 2e-5)


def test_what_is_no_fused_table_is_not_read(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(braid.BraidError, match="expected a table of 'braid fuse', with _manifest.json in it, got none"):
        braid.read_vectors(str(tmp_path))
    (tmp_path / "_manifest.json").write_text('{"format": 1, ')
    with pytest.raises(braid.BraidError, match="expected JSON in _manifest.json, got 'Expecting property name"):
        braid.read_vectors(str(tmp_path))
    (tmp_path / "_manifest.json").write_text('{"options": {"key": "id", "vectors": "array"}, "files": []}')
    keys, vectors = braid.read_vectors(str(tmp_path))
    assert len(keys) == len(vectors) == 0
    options = {"model": MODEL, "features": {m: DEMO / f"{m}.parquet" for m in HALVES}, "dtype": HALVES, "key": "codepoints"}
    session._run("fuse", {**options, "output": tmp_path / "fused"})
    with pytest.raises(braid.BraidError, match="expected column 'fused_tokens', got 'codepoints, fused'; fuse with --emit tokens"):
        braid.read_vectors(str(tmp_path / "fused"), "fused_tokens")
    with pytest.raises(braid.BraidError, match="expected column 'fused' or 'fused_tokens', got 'label'"):
        braid.read_vectors(str(tmp_path / "fused"), "label")


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=600
    )


def test_a_session_without_the_jar_says_how_to_start_one(spark: SparkSession, tmp_path: Path) -> None:
    code = "import braid; print(braid.inspect('m'))"
    assert "expected a Spark session in this process, got none" in run_python(code).stderr
    # A session without the jar has none of its classes; this one lacks one class.
    with pytest.raises(braid.BraidError) as failure:
        session.java("dev.braid.spark.Absent")
    assert "expected '" + braid.jar_path() + "' in the Spark session, got a session without it" in str(failure.value)
    absent = str(tmp_path / "absent.jar")
    assert f"Cannot find Braid's jar: expected '{absent}'" in run_python("import braid; braid.jar_path()", BRAID_JAR=absent).stderr


def test_what_a_package_lacks_is_named() -> None:
    code = "import sys; sys.modules['torch'] = None; sys.modules['pyspark'] = None; import braid; braid.read_vectors; braid."
    assert "expected 'torch', got no such package; pip install 'braid[torch]'" in run_python(code + "export").stderr
    assert "expected 'pyspark', got no such package; pip install 'braid[spark]'" in run_python(code + "fuse").stderr
    assert "module 'braid' has no attribute 'nosuch'" in run_python(code + "nosuch").stderr


CLIENT = """
import json, sys
import braid
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
demo = sys.argv[2]
tables = [spark.read.parquet(f"{demo}/{m}.parquet").select("codepoints", m) for m in ("visual", "text")]
pairs = tables[0].join(tables[1], "codepoints")
halves = {"visual": "float16", "text": "float16"}
rows = braid.fuse(pairs, f"{demo}/model", dtype=halves).select("codepoints", "fused").collect()
errors = []
for options in ({"vectors": "float8"}, {"key": "codepoints", "max_tokens": 5}):
    try:
        with braid.plain_errors():
            braid.fuse(pairs, f"{demo}/model", dtype=halves, **options).select("fused").collect()
    except braid.BraidError as failure:
        errors.append(str(failure))
try:
    braid.inspect(f"{demo}/model")
except braid.BraidError as failure:
    errors.append(str(failure))
print(json.dumps({"rows": [[row.codepoints, list(row.fused)] for row in rows], "errors": errors}))
"""


def test_spark_connect_fuses_through_the_server(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    import pyspark

    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    log = (tmp_path / "server.txt").open("w")
    server = subprocess.Popen(
        [submit, "--master", "local[2]", "--jars", braid.jar_path(), "--conf", f"spark.connect.grpc.binding.port={port}",
         "--conf", "spark.ui.enabled=false", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"],
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path,
    )  # fmt: skip
    try:
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, f"sc://127.0.0.1:{port}", str(DEMO)], capture_output=True, text=True, timeout=600
        )
    finally:
        server.terminate()
        server.wait()
        log.close()
    assert done.returncode == 0, done.stderr[-3000:] + (tmp_path / "server.txt").read_text()[-2000:]
    found = json.loads(done.stdout)
    assert_expected({key: np.array(vector) for key, vector in found["rows"]}, 2e-5)
    wrong, bad, local = found["errors"]
    assert "'vectors': expected" in wrong
    assert "Cannot decode row" in bad
    assert "\tat " not in wrong + bad
    assert "Cannot reach Braid: expected a Spark session in this process" in local
