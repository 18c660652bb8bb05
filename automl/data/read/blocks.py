"""Reads delimited text in blocks, and casts columns of plain numbers while it is parsed.

The texts of such columns are released with each block, so a table of numbers never is in memory as
texts. If a column turns out to hold anything else, such as a code with leading zeros in the last
row, the column or the file is read again as texts, so the result is always the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from automl.data.columns.excel_dates import says_date
from automl.data.columns.target import USUAL_NAMES
from automl.data.options import Reading, ReadOptions
from automl.data.raw_table import RawTable, composed
from automl.data.read.column_parts import ColumnParts
from automl.data.read.layout import Layout
from automl.data.read.other_lines import SAMPLE_ROWS, without_other_lines
from automl.data.read.streams import direct

__all__ = ["Form", "read_blocks"]

ROWS_A_BLOCK = 4000
"""Rows per block; with fewer, the calls cost more than the cells."""
SMALLEST, LARGEST = 1 << 20, 1 << 26
MARGIN, FEWEST = 1.1, 1 << 16
"""Rows to allocate: the estimate from the start of the file times ``MARGIN``, plus ``FEWEST``."""


@dataclass(frozen=True, slots=True)
class Form:
    """The format of a delimited file.

    Attributes:
        layout: First line of the table, and the names of its columns.
        delimiter: Delimiter between cells.
        usual: Decimal mark for ambiguous numbers.
        options: Options of reading it.
    """

    layout: Layout
    delimiter: str
    usual: str
    options: ReadOptions

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.layout.names

    @property
    def reading(self) -> Reading:
        """Rules for reading the texts."""
        return Reading(usual=self.usual, marks=self.options.marks)

    def as_texts(self, marks: frozenset[str], only: Sequence[int] = ()) -> pa.csv.ConvertOptions:
        """Options to read the columns, or only those at some positions, as texts.

        Args:
            marks: Texts that become null.
            only: Positions of the columns; all if empty.
        """
        return pa.csv.ConvertOptions(
            column_types={f"f{i}": pa.string() for i in range(len(self.names))},
            include_columns=[f"f{i}" for i in only],
            strings_can_be_null=True,
            null_values=sorted(marks),
        )


def read_blocks(
    open_file: Callable[[], BinaryIO], where: str, form: Form, sample: bytes
) -> RawTable | None:
    """Reads a UTF-8 file in which every row has the same number of fields.

    Args:
        open_file: Opens the decompressed bytes from the start.
        where: Name of the file.
        form: Its format.
        sample: Its first bytes.

    Returns:
        The table; None if it has no column of plain numbers, or anything that needs all texts,
        such as a total below the rows. The file must then be read as texts.
    """
    texts, size = _text_positions(form.names, form.options), _block_bytes(sample)
    if texts is None or size is None or (form.options.decimal or form.usual) != ".":
        return None
    try:
        return _table(open_file, where, form, texts, sample, size)
    except (pa.ArrowInvalid, UnicodeError, IndexError):
        return None


def _text_positions(names: Sequence[str], options: ReadOptions) -> frozenset[int] | None:
    """Positions of the columns whose texts are needed later; None if all columns are.

    These are the target, steering columns, columns whose kind the user has set, and columns named
    like dates, whose numbers may be Excel dates.
    """
    roles = options.roles
    if roles is None or options.carry or options.series_id is not None or options.wide:
        return None
    dropped = {composed(name) for name in options.drop}
    wanted = {composed(name) for name in (*roles.others, *options.kinds)}
    if roles.target is not None:
        wanted.add(composed(roles.target))
    known = [composed(name) for name in names]
    found = {at for at, name in enumerate(known) if name in wanted or says_date(names[at])}
    if roles.target is None:
        left = [at for at, name in enumerate(known) if name not in dropped]
        found |= {at for at, name in enumerate(known) if name.lower() in USUAL_NAMES}
        found |= {*left[-1:]}
    return frozenset(found)


def _block_bytes(sample: bytes) -> int | None:
    """Block size for a file, judged by its start; None if its rows are too long for blocks."""
    wanted = len(sample) // _n_lines(sample) * ROWS_A_BLOCK
    return None if wanted > LARGEST else max(wanted, SMALLEST)


def _n_lines(sample: bytes) -> int:
    return max(sample.count(b"\n"), sample.count(b"\r"), 1)


def _most_rows(open_file: Callable[[], BinaryIO], sample: bytes) -> int:
    """Rows to allocate, estimated from the size and start of a file; few if it is compressed."""
    with open_file() as file:
        n_bytes = file.seek(0, io.SEEK_END) if isinstance(direct(file), pa.OSFile) else 0
    return int(MARGIN * n_bytes / len(sample) * _n_lines(sample)) + FEWEST


def _table(
    open_file: Callable[[], BinaryIO],
    where: str,
    form: Form,
    as_texts: Collection[int],
    sample: bytes,
    size: int,
) -> RawTable | None:
    marks = form.options.marks
    room = _most_rows(open_file, sample)
    columns = [
        ColumnParts(at not in as_texts and _is_name(name, marks), room, at in as_texts)
        for at, name in enumerate(form.names)
    ]
    n_rows, last = 0, None
    for batch in _batches(open_file, form, size):
        if batch.num_columns != len(columns):
            return None
        for column, texts in zip(columns, batch.columns, strict=True):
            column.add(texts, n_rows)
        n_rows, last = n_rows + batch.num_rows, batch.slice(batch.num_rows - 1)
        if not any(column.is_number for column in columns):
            return None
    if last is None or n_rows <= SAMPLE_ROWS:
        return None
    again = [at for at, column in enumerate(columns) if column.is_lost]
    for batch in _batches(open_file, form, size, again) if again else ():
        for at, texts in zip(again, batch.columns, strict=True):
            columns[at].append(texts)
    values = tuple(column.values() for column in columns)
    pa.default_memory_pool().release_unused()
    raw = RawTable(
        form.names,
        values,
        where,
        form.reading,
        starts={at: pa.chunked_array(c.texts) for at, c in enumerate(columns) if c.is_number},
        encoded=frozenset(at for at, c in enumerate(values) if pa.types.is_dictionary(c.type)),
    )
    return raw if raw.starts and not _has_other_lines(raw, last) else None


def _batches(
    open_file: Callable[[], BinaryIO], form: Form, size: int, only: Sequence[int] = ()
) -> Iterator[pa.RecordBatch]:
    """Yields rows of strings without the line of names."""
    convert = form.as_texts(form.options.marks, only)
    read = pa.csv.ReadOptions(
        autogenerate_column_names=True,
        block_size=size,
        skip_rows=form.layout.n_above,
        use_threads=False,
    )
    parse = pa.csv.ParseOptions(delimiter=form.delimiter, newlines_in_values=True)
    is_first = form.layout.has_names_as_row
    with open_file() as file, pa.csv.open_csv(direct(file), read, parse, convert) as reader:
        for batch in reader:
            rows = batch.slice(1) if is_first and batch.num_rows else batch
            is_first = is_first and not batch.num_rows
            if rows.num_rows:
                yield rows


def _is_name(name: str, marks: frozenset[str]) -> bool:
    """Whether a column name is neither a number nor a text for a missing value.

    Then a line that repeats the names cannot be mistaken for a row of numbers.
    """
    if name in marks or not name:
        return False
    try:
        pa.array([name]).cast(pa.float64())
    except pa.ArrowInvalid:
        return True
    return False


def _has_other_lines(raw: RawTable, last: pa.RecordBatch) -> bool:
    """Whether the rows may include a total or units, or a quote may be unclosed."""
    end = last.column(last.num_columns - 1)[0].as_py()
    if end is not None and "\n" in end:
        return True
    edges = []
    for at, column in enumerate(raw.columns):
        first = raw.starts.get(at, column).slice(0, SAMPLE_ROWS).cast(pa.string())
        edges.append(pa.chunked_array([*first.chunks, last.column(at)], pa.string()))
    few = RawTable(raw.names, tuple(edges), raw.where)
    return without_other_lines(few).n_rows != few.n_rows
