"""tables.py make DIRECTORY, then compare DIRECTORY: makes the inputs of .ci/tables, and checks its outputs."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from every_spark import MODALITIES, RANDOM, WIDTH, write_model

ROWS = 40
CONF = """\
spark.ui.enabled false
spark.sql.artifact.isolation.enabled false
spark.sql.shuffle.partitions 2
spark.databricks.delta.snapshotPartitions 1
spark.sql.extensions io.delta.sql.DeltaSparkSessionExtension,org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions
spark.sql.catalog.spark_catalog org.apache.spark.sql.delta.catalog.DeltaCatalog
spark.sql.catalog.ice org.apache.iceberg.spark.SparkCatalog
spark.sql.catalog.ice.type hadoop
spark.sql.catalog.ice.warehouse {directory}/ice berg
spark.sql.catalog.my-ice org.apache.iceberg.spark.SparkCatalog
spark.sql.catalog.my-ice.type hadoop
spark.sql.catalog.my-ice.warehouse {directory}/ice berg
spark.sql.warehouse.dir {directory}/del ta
"""

#: Rows that are deleted again: with deletion vectors and delete files, so that the data files keep them.
MORE = "SELECT concat('gone-', id) AS id, row, small, visual, text FROM parquet.`paired` WHERE row < 5"
DELTA = "USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')"
ICEBERG = "USING iceberg TBLPROPERTIES ('write.delete.mode' = 'merge-on-read', 'format-version' = '2')"


#: Fused into these tables one after another: what is read, how it is written, and how many rows the table has then.
TARGETS = ("db.fused", "ice.db.fused")
WRITES = {"append": ("paired", "append", ROWS), "more": ("more", "append", ROWS + 5), "replace": ("more", "replace", 5)}
#: Takes back what was written after WRITES.
UNDONE = {
    "db.fused": ["RESTORE TABLE db.fused TO VERSION AS OF 3"],
    "ice.db.fused": ["CALL ice.system.set_current_snapshot(table => 'db.fused', ref => 'before')"],
}
#: A table whose name must be quoted in each part.
ODD = "`my-ice`.`a-b`.`c d`.`text`"
#: After WRITES, what a run that is refused says; each has exit code 2.
REFUSED = {
    "lost": "which replaced all rows later",
    "mode": "expected '--table-mode replace', the mode that wrote these rows",
    "undone": "which was rolled back or is of another branch",
}
#: Tables that get a damaged file at the end, and where their files are.
DAMAGED = {"db.pairs": "del ta/db.db/pairs", "ice.db.pairs": "ice berg/db/pairs"}


def created(table, stored, columns="*"):
    """A table of three commits, the last of which deletes what the second one added."""
    return [
        f"CREATE TABLE {table} {stored} AS SELECT {columns} FROM parquet.`paired`",
        f"INSERT INTO {table} SELECT {columns} FROM ({MORE})",
        f"DELETE FROM {table} WHERE id LIKE 'gone-%'",
    ]


def fuse(name, *tables):
    return [name, "fuse", "--model", "model", "--key", "id", "--output", name, *tables]


def runs():
    grown = "INSERT INTO {} SELECT 'new' AS id, 99 AS row, small, visual, text FROM parquet.`paired` WHERE row = 0"
    yield ["created", "sql", "CREATE DATABASE db", *created("db.pairs", DELTA), *created("ice.db.pairs", ICEBERG),
           *created("db.visual", DELTA, "id, row, visual"),
           "CREATE NAMESPACE `my-ice`.`a-b`", "CREATE NAMESPACE `my-ice`.`a-b`.`c d`", *created(ODD, ICEBERG, "id, text"),
           "CREATE TABLE db.none USING delta AS SELECT * FROM parquet.`paired` WHERE false",
           "CREATE TABLE ice.db.none USING iceberg AS SELECT * FROM parquet.`paired` WHERE false",
           "CREATE TABLE db.plain USING parquet AS SELECT * FROM parquet.`paired`"]  # fmt: skip
    yield [*fuse("path", "--paired", "paired"), "--keep", "row"]
    for again in ("", "-again"):
        yield ["delta" + again, *[*fuse("delta", "--paired", "db.pairs"), "--keep", "row"][1:]]
        yield ["iceberg" + again, *[*fuse("iceberg", "--paired", "ice.db.pairs"), "--keep", "row"][1:]]
    yield [*fuse("plain", "--paired", "db.plain"), "--keep", "row"]
    yield [*fuse("shuffled", "--paired", "ice.db.pairs"), "--keep", "row", "--partitions", "3"]
    yield [*fuse("joined", "--features", "visual=db.visual", "--features", f"text={ODD}"), "--keep", "row"]
    yield ["inspected", "inspect", "--model", "model", "--paired", "ice.db.pairs", "--key", "id"]
    yield ["grown", "sql", grown.format("db.pairs"), grown.format("ice.db.pairs")]
    yield [*fuse("delta-grown", "--paired", "db.pairs"), "--keep", "row"]
    yield [*fuse("iceberg-grown", "--paired", "ice.db.pairs"), "--keep", "row"]
    yield ["targets", "sql", "CREATE TABLE db.fused (id STRING, row INT, small SMALLINT, fused ARRAY<FLOAT>) USING delta",
           "CREATE TABLE ice.db.fused (id STRING, row INT, small INT, fused ARRAY<FLOAT>) USING iceberg"]  # fmt: skip
    for table in TARGETS:
        for name, (source, mode, *_) in WRITES.items():
            command = into(table, mode, f"{table}-{name}", source)
            if name == "append":  # as if the driver had died before the transaction
                yield [f"{table}-{name}-published", *command[1:command.index("--output-table")]]
            yield command
            yield [f"{table}-{name}-forgotten", "forget", f"{table}-{name}"]
            yield [f"{table}-{name}-again", *command[1:]]
            yield [f"{table}-{name}-last", *command[1:]]
            yield rows(table, name)
        yield [f"{table}-lost", "fails", "2", *into(table, "append", f"{table}-append", "paired")[1:]]
        yield [f"{table}-mode", "fails", "2", *into(table, "append", f"{table}-replace", "more")[1:]]
        if table.startswith("ice."):
            yield [f"{table}-before", "sql", f"ALTER TABLE {table} CREATE TAG before"]
        append = into(table, "append", f"{table}-twice", "more")
        yield [*append, "--overwrite"]
        yield [f"{table}-twice-forgotten", "forget", f"{table}-twice"]
        yield [f"{table}-twice-again", *append[1:], "--overwrite"]
        yield rows(table, "twice")
        yield [f"{table}-undoing", "sql", *UNDONE[table]]
        yield [f"{table}-undone", "fails", "2", *append[1:]]
        yield [f"{table}-anew", *append[1:], "--overwrite"]
        if table.startswith("ice."):
            yield into(table, "append", f"{table}-no-delta", "db.none")
            yield into(table, "append", f"{table}-no-iceberg", "ice.db.none")
        yield rows(table, "anew")
    expired = "CALL ice.system.expire_snapshots(table => 'db.fused', older_than => TIMESTAMP '2100-01-01', retain_last => 1)"
    yield ["expiring", "sql", "ALTER TABLE ice.db.fused DROP TAG before", expired]
    for table, stored in DAMAGED.items():
        yield [f"{table}-damaged", "damage", f"{{directory}}/{stored}"]
        yield [f"{table}-refused", "fails", "3", *fuse(f"{table}-refused", "--paired", table)[1:]]
    yield ["expired", "fails", "2", *into("`my-ice`.db.`fused`", "replace", "ice.db.fused-replace", "more")[1:]]


def into(table, mode, output, source):
    return [*fuse(output, "--paired", source), "--keep", "row,small", "--output-table", table, "--table-mode", mode]


def rows(table, name):
    query = f"INSERT OVERWRITE DIRECTORY '{{directory}}/rows-{table}-{name}' USING parquet SELECT * FROM {table}"
    return [f"{table}-{name}-rows", "sql", query]


def make(directory):
    write_model(directory / "model")
    (directory / "paired").mkdir()
    columns = {"id": pa.array([f"k{row}" for row in range(ROWS)])}
    columns |= {"row": pa.array(range(ROWS), pa.int32()), "small": pa.array(range(ROWS), pa.int16())}
    for modality in MODALITIES:
        tokens = [RANDOM.standard_normal((RANDOM.integers(1, 5), WIDTH)).astype(np.float32) for _ in range(ROWS)]
        columns[modality] = pa.array([list(row) for row in tokens], pa.list_(pa.list_(pa.float32())))
    table = pa.table(columns)
    for file in range(4):
        pq.write_table(table.slice(file * 10, 10), directory / "paired" / f"{file}.parquet")
    more = table.slice(0, 5).set_column(0, "id", pa.array([f"more-k{row}" for row in range(5)]))
    pq.write_table(more, directory / "more")
    (directory / "tables.conf").write_text(CONF.format(directory=directory.absolute()))
    (directory / "runs.txt").write_text("".join("\t".join(run) + "\n" for run in runs()).replace("{directory}", str(directory.absolute())))


def fused(directory, name):
    """Rows by key, each with the bits of its vector; and the manifest."""
    rows = pq.read_table(directory / name).to_pylist()
    bits = {row["id"]: (row["row"], np.array(row["fused"], np.float32).tobytes()) for row in rows}
    assert len(bits) == len(rows), f"{name}: keys occur twice"
    return bits, json.loads((directory / name / "_manifest.json").read_text())


def compare(directory):
    wrong = []

    def expect(true, what):
        if not true:
            wrong.append(what)

    for run in (run[0] for run in runs()):
        expect((directory / f"{run}.txt").exists(), f"run '{run}' failed")
    if not wrong:
        expected, path = fused(directory, "path")
        expect(len(expected) == ROWS, f"path: {len(expected)} rows")
        snapshots = {}
        for name in ("delta", "iceberg", "plain", "shuffled", "joined", "delta-grown", "iceberg-grown"):
            found, manifest = fused(directory, name)
            more = {"new"} if "grown" in name else set()
            expect(found.keys() == expected.keys() | more, f"{name}: keys {sorted(found.keys() ^ expected.keys())}")
            expect(all(found[key] == expected[key] for key in found.keys() & expected.keys()), f"{name}: other vectors")
            expect(more or manifest["fingerprint"] == path["fingerprint"], f"{name}: another fingerprint")
            for table in manifest["inputs"]:
                snapshot = table.get("snapshot")
                expect((snapshot is None) == (name == "plain"), f"{name}: snapshot {snapshot}")
                expect(snapshot is None or table["rows"] == ROWS + len(more), f"{name}: input {table}")
                snapshots[table["table"], name] = snapshot
        expect(snapshots["db.pairs", "delta"] == "2", f"Delta's version is {snapshots['db.pairs', 'delta']}")
        expect(snapshots["db.pairs", "delta-grown"] == "3", "Delta's version after it has grown")
        expect(snapshots["ice.db.pairs", "iceberg"] == snapshots["ice.db.pairs", "shuffled"], "one snapshot has two names")
        expect(snapshots["ice.db.pairs", "iceberg"] != snapshots["ice.db.pairs", "iceberg-grown"], "two have one name")
        for name in ("delta", "iceberg"):
            expect("Nothing to do" in (directory / f"{name}-again.txt").read_text(), f"{name}: something to do again")
        expect(f"{ROWS}" in (directory / "inspected.txt").read_text(), "inspect does not count the rows")
        for table in TARGETS:
            for name, (source, mode, count) in WRITES.items():
                written = pq.read_table(directory / f"rows-{table}-{name}").to_pylist()
                expect(len(written) == count, f"{table} after {name}: {len(written)} rows, not {count}")
                for row in written:
                    same = (row["row"], np.array(row["fused"], np.float32).tobytes()) == expected[row["id"].removeprefix("more-")]
                    expect(same, f"{table} after {name}: row {row['id']} has another vector")
                _, manifest = fused(directory, f"{table}-{name}")
                noted = manifest.get("outputTables", [{}])[-1]
                expect((noted.get("name"), noted.get("mode")) == (table, mode), f"{table}-{name}: manifest says {noted}")
                said = f"Table '{table}' has these rows: snapshot '{noted.get('snapshot')}'"
                for run in ("", "-again", "-last"):
                    expect(said in (directory / f"{table}-{name}{run}.txt").read_text(), f"{table}-{name}{run}: not '{said}'")
            for name, said in REFUSED.items():
                expect(said in (directory / f"{table}-{name}.txt").read_text(), f"{table}-{name}: not '{said}'")
            expect("Nothing to do" in (directory / f"{table}-twice-again.txt").read_text(), f"{table}: appended twice")
            for name in ("twice", "anew"):
                count = len(pq.read_table(directory / f"rows-{table}-{name}"))
                expect(count == 10, f"{table} after {name}: {count} rows, not 10")
        for table in DAMAGED:
            said = "CRC checksum verification failed"
            expect(said in (directory / f"{table}-refused.txt").read_text(), f"{table}, damaged: not '{said}'")
        expect("has expired" in (directory / "expired.txt").read_text(), "a table of another spelling: not 'has expired'")
    for what in wrong:
        print("WRONG:", what)
    print(f"{len(list(runs()))} runs on Delta and Iceberg, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    command, place = sys.argv[1], Path(sys.argv[2])
    sys.exit(make(place) if command == "make" else compare(place))
