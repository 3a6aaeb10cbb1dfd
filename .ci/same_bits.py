"""same_bits.py KEY TABLE TABLE: whether two Parquet tables hold the same rows, to the bit, in whatever order."""

import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def sorted_table(path: str, key: str) -> pa.Table:
    table = pq.read_table(path)
    return table.take(pc.sort_indices(table, sort_keys=[(key, "ascending")])).combine_chunks()


def bits(column: pa.ChunkedArray) -> list[pa.Array]:
    """The length of every list of a column and its innermost values, floats as the integers of the same bits."""
    found = []
    pending = list(column.chunks)
    while pending:
        part = pending.pop()
        found.append(part.is_null())
        if pa.types.is_list(part.type):
            found.append(pc.list_value_length(part))
            pending.append(part.flatten())
        elif pa.types.is_struct(part.type):
            pending.extend(part.flatten())
        elif pa.types.is_float32(part.type):
            found.append(part.view(pa.int32()))
        else:
            found.append(part)
    return found


def main() -> None:
    key, *paths = sys.argv[1:]
    one, other = (sorted_table(path, key) for path in paths)
    if one.schema != other.schema or one.num_rows != other.num_rows or not one.num_rows:
        sys.exit(f"expected the same columns and rows, got\n{one.schema}\n{one.num_rows} rows and\n{other.schema}\n"
                 f"{other.num_rows} rows")
    differing = [name for name in one.column_names if bits(one[name]) != bits(other[name])]
    if differing:
        sys.exit(f"expected the same bits in {paths}, got others in columns {differing}")
    print(f"The same bits: {one.num_rows} rows, columns {', '.join(one.column_names)}")


main()
