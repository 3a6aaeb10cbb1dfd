"""Braid and its rivals on the same tables: equality of what they write, then their times in turn."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from braid_bench.choice import Choice
from braid_bench.parity import largest_error
from braid_bench.processes import Braid, Contender, PySpark, Run, trial
from braid_bench.records import Record, table
from braid_bench.shape import COMPARED, SHAPES, Shape, Text
from braid_bench.tables import FORMS, Form, write_table

#: Tokens of the table on which outputs are compared before anything is timed, and from which trials take their rows.
SAMPLE_TOKENS = 128 * COMPARED.tokens


@dataclass(frozen=True)
class Fused:
    """A table that all contenders fused.

    tokens: real tokens of its rows.
    errors: by contender, the largest one against the first contender.
    runs: by contender.
    """

    tokens: int
    errors: dict[str, float]
    runs: dict[str, list[Run]]


@dataclass(frozen=True)
class Comparison:
    """A part from Parquet to Parquet.

    part: its name.
    label: of its shape, in `shape.SHAPES`.
    work: a directory for tables; it holds one of `rows` rows at a time.
    model: the model's directory.
    rows: of each table.
    repetitions: runs of each contender.
    """

    part: str
    label: str
    work: Path
    model: Path
    rows: int
    repetitions: int

    @property
    def shape(self) -> Shape:
        return SHAPES[self.label]

    @property
    def sample_rows(self) -> int:
        return SAMPLE_TOKENS // self.shape.tokens

    def run(self, forms: Sequence[str], texts: Sequence[Text]) -> list[Record]:
        """Every form of storage with every kind of text."""
        records = []
        for text in texts:
            contenders = self.contenders(text)
            for form in forms:
                records += self.compared(contenders, FORMS[form], text)
        return records

    def contenders(self, text: Text) -> list[Contender]:
        """Braid, and the rivals as a trial on rows with such texts chose them."""
        sample = self.work / "trial"
        write_table(sample, self.shape, text, FORMS["flat"], self.sample_rows)
        chosen = json.loads(trial(self.label, self.model, sample))
        shutil.rmtree(sample)
        say(f"{self.label}, {text}: {chosen}")
        return [Braid(), *(PySpark(name, self.label, Choice(**choice)) for name, choice in chosen.items())]

    def compared(self, contenders: Sequence[Contender], form: Form, text: Text) -> list[Record]:
        """One form of storage: outputs of a sample, then times; every timed output is compared as well."""
        before = self.fused(contenders, form, text, self.sample_rows, 1)
        timed = self.fused(contenders, form, text, self.rows, self.repetitions)
        return [
            {
                "part": self.part,
                "shape": self.label,
                "text": text,
                "form": form.name,
                "contender": contender.name,
                "variant": contender.variant,
                "rows": self.rows,
                "tokens": timed.tokens,
                **figures(timed.runs[contender.name], self.rows),
                "sample_rows": self.sample_rows,
                "sample_seconds": before.runs[contender.name][0].job_seconds,
                "largest_error": max(before.errors[contender.name], timed.errors[contender.name]),
            }
            for contender in contenders
        ]

    def fused(self, contenders: Sequence[Contender], form: Form, text: Text, rows: int, repetitions: int) -> Fused:
        """Fuses a table of `rows` rows with all contenders in turn, and compares what each wrote with the first one."""
        features, outputs = self.work / "features", self.work / "fused"
        tokens = write_table(features, self.shape, text, form, rows)
        names = [contender.name for contender in contenders]
        fused = Fused(tokens, dict.fromkeys(names, 0.0), {name: [] for name in names})
        for _ in range(repetitions):
            for contender in contenders:
                run = contender.fuse(self.model, features, form, outputs / contender.name)
                fused.runs[contender.name].append(run)
                times = f"{run.job_seconds:.1f} s of {run.process_seconds:.1f} s"
                say(f"{form.name}, {text}, {rows} rows: {contender.name} {times}")
            for name in names:
                error = largest_error(outputs / names[0], outputs / name)
                fused.errors[name] = max(fused.errors[name], error)
            shutil.rmtree(outputs)
        shutil.rmtree(features)
        return fused


def figures(runs: Sequence[Run], rows: int) -> Record:
    """Of the runs of one contender."""
    seconds = [run.job_seconds for run in runs]
    process_seconds = [run.process_seconds for run in runs]
    return {
        "seconds": seconds,
        "process_seconds": process_seconds,
        "rows_per_second": rows / statistics.median(seconds),
        "process_rows_per_second": rows / statistics.median(process_seconds),
    }


def comparison_table(records: Sequence[Record]) -> str:
    """A line per contender, with how many times its rate Braid reaches."""
    braid = {(r["form"], r["text"]): r for r in records if r["contender"] == Braid().name}
    lines = []
    for record in records:
        ours = braid[record["form"], record["text"]]
        lines.append(
            [
                record["form"],
                record["text"],
                record["contender"],
                record["variant"],
                f"{record['rows_per_second']:.0f}",
                f"{min(record['seconds']):.1f} .. {max(record['seconds']):.1f}",
                f"{ours['rows_per_second'] / record['rows_per_second']:.2f}",
                f"{statistics.median(record['process_seconds']):.1f}",
                f"{ours['process_rows_per_second'] / record['process_rows_per_second']:.2f}",
            ]
        )
    header = ["form", "text", "contender", "variant", "rows/s", "job s", "Braid /", "process s", "Braid /"]
    return table(header, lines)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
