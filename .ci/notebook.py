"""notebook.py NOTEBOOK [--write]: runs a notebook and compares the outputs of its cells with the stored ones, or stores them."""

import itertools
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NUMBER = re.compile(r"[-+]?\d+\.\d+")
NEAR = 0.03  # how far a printed number may be off on another processor
MOST_BYTES = 1_000_000


def outputs(notebook):
    """The outputs of each code cell, without what Spark says on standard error."""
    return [[each for each in cell.outputs if each.get("name") != "stderr"] for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """The kinds of a cell's outputs; printed text may come in any number of pieces."""
    found = ["+".join(sorted(each["data"])) if "data" in each else each.get("name", each.output_type) for each in cell]
    return [kind for kind, _ in itertools.groupby(found)]


def text(cell):
    return "".join(each.get("text", "") for each in cell)


def same(here, there):
    numbers = [[float(number) for number in NUMBER.findall(each)] for each in (here, there)]
    return NUMBER.sub("", here) == NUMBER.sub("", there) and all(abs(a - b) <= NEAR for a, b in zip(*numbers))


def main():
    path = Path(sys.argv[1])
    notebook, stored = (nbformat.read(path, as_version=4) for _ in range(2))
    NotebookClient(notebook, timeout=600, record_timing=False, resources={"metadata": {"path": path.parent}}).execute()
    if sys.argv[2:] == ["--write"]:
        codes = (cell for cell in notebook.cells if cell.cell_type == "code")
        for cell, kept in zip(codes, outputs(notebook)):
            cell.outputs = kept
        notebook.metadata = stored.metadata
        nbformat.write(notebook, path)
        stored = notebook
    failed = 0
    for number, (here, there) in enumerate(zip(outputs(notebook), outputs(stored)), 1):
        good = kinds(here) == kinds(there) and same(text(here), text(there))
        failed += not good
        print(f"{'ok   ' if good else 'WRONG'} cell {number}: {', '.join(kinds(here)) or 'nothing'}")
        if not good:
            print(f"      stored: {', '.join(kinds(there))}\n{text(there)}\n      here:\n{text(here)}")
    size = path.stat().st_size
    small = size < MOST_BYTES
    print(f"{'ok   ' if small else 'WRONG'} the file has {size:,} bytes, of at most {MOST_BYTES:,}")
    print(f"{len(outputs(stored)) + 1 - failed - (not small)} passed, {failed + (not small)} failed")
    return failed + (not small)


if __name__ == "__main__":
    sys.exit(main() > 0)
