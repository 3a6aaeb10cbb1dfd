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
from braid_bench.shape import COMPARED, Text
from braid_bench.tables import FORMS, Form, write_table

#: Rows of the table on which outputs are compared before anything is timed, and from which trials take theirs.
SAMPLE_ROWS = 128


@dataclass(frozen=True)
class Comparison:
    """The end-to-end part.

    work: a directory for tables; it holds one of `rows` rows at a time.
    model: the model's directory.
    rows: of each table.
    repetitions: runs of each contender.
    """

    work: Path
    model: Path
    rows: int
    repetitions: int

    def run(self, forms: Sequence[str], texts: Sequence[Text]) -> list[Record]:
        """Every form of storage with every kind of text, fastest form of each rival."""
        records = []
        for text in texts:
            contenders = self.contenders(text)
            for form in forms:
                records += self.compared(contenders, FORMS[form], text)
        return records

    def contenders(self, text: Text) -> list[Contender]:
        """Braid, and the rivals as a trial on rows with such texts chose them."""
        sample = self.work / "trial"
        write_table(sample, COMPARED, text, FORMS["flat"], SAMPLE_ROWS)
        chosen = json.loads(trial(self.model, sample))
        shutil.rmtree(sample)
        say(f"{text}: {chosen}")
        return [Braid(), *(PySpark(name, Choice(**choice)) for name, choice in chosen.items())]

    def compared(self, contenders: Sequence[Contender], form: Form, text: Text) -> list[Record]:
        """One form of storage: outputs of a sample, then times; every timed output is compared as well."""
        errors, starts = self.fused(contenders, form, text, SAMPLE_ROWS, 1)
        later_errors, runs = self.fused(contenders, form, text, self.rows, self.repetitions)
        return [
            {
                "part": "end-to-end",
                "form": form.name,
                "text": text,
                "contender": contender.name,
                **(vars(contender.choice) if isinstance(contender, PySpark) else {}),
                "rows": self.rows,
                **figures(runs[contender.name], self.rows),
                "sample_rows": SAMPLE_ROWS,
                "sample_seconds": starts[contender.name][0].job_seconds,
                "largest_error": max(errors[contender.name], later_errors[contender.name]),
            }
            for contender in contenders
        ]

    def fused(
        self, contenders: Sequence[Contender], form: Form, text: Text, rows: int, repetitions: int
    ) -> tuple[dict[str, float], dict[str, list[Run]]]:
        """Fuses a table of `rows` rows with all contenders in turn; the errors are against the first contender."""
        features, outputs = self.work / "features", self.work / "fused"
        write_table(features, COMPARED, text, form, rows)
        runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
        errors = dict.fromkeys(runs, 0.0)
        for _ in range(repetitions):
            for contender in contenders:
                run = contender.fuse(self.model, features, form, outputs / contender.name)
                runs[contender.name].append(run)
                times = f"{run.job_seconds:.1f} s of {run.process_seconds:.1f} s"
                say(f"{form.name}, {text}, {rows} rows: {contender.name} {times}")
            for name in runs:
                errors[name] = max(errors[name], largest_error(outputs / contenders[0].name, outputs / name))
            shutil.rmtree(outputs)
        shutil.rmtree(features)
        return errors, runs


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
    braid = {(r["form"], r["text"]): r for r in records if r["contender"] == "braid"}
    lines = []
    for record in records:
        ours = braid[record["form"], record["text"]]
        how = f", {record['encoder']}, batch {record['batch_size']}" if "encoder" in record else ""
        lines.append(
            [
                record["form"],
                record["text"],
                record["contender"] + how,
                f"{record['rows_per_second']:.0f}",
                f"{min(record['seconds']):.1f} .. {max(record['seconds']):.1f}",
                f"{ours['rows_per_second'] / record['rows_per_second']:.2f}",
                f"{statistics.median(record['process_seconds']):.1f}",
                f"{ours['process_rows_per_second'] / record['process_rows_per_second']:.2f}",
            ]
        )
    header = ["form", "text", "contender", "rows/s", "job s", "Braid /", "process s", "Braid /"]
    return table(header, lines)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
