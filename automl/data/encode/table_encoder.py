"""Encodes a whole table into one matrix: the blocks of its columns side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.column_blocks import CATEGORIES, DATES, NUMBERS, Blocks
from automl.data.encode.columns.column_encoder import FittedColumn, inner_arrays, prefixed
from automl.data.encode.few_categories import MOST_CATEGORIES, CategoryRows
from automl.data.encode.few_rows import DateRows, NumberRows
from automl.data.encode.generate.arithmetic import ArithmeticGenerator
from automl.data.encode.generate.combinations import CombinationGenerator
from automl.data.encode.generate.generator import FeatureGenerator
from automl.data.encode.generate.groups import GroupGenerator
from automl.data.encode.legacy_format import META_FILE, read_earlier
from automl.data.raw_table import one_array
from automl.data.short_columns import FEW_ROWS, MANY_COLUMNS, joined
from automl.data.table import IntArray, Table
from automl.errors import MissingColumnError, RunError
from automl.plugin.context import Features
from automl.plugin.rows import Matrix
from automl.store.array_file import read_array_file, write_array_file

__all__ = ["TableEncoder", "encode_table", "values_of"]

GENERATOR_TYPES: dict[str, type[FeatureGenerator]] = {
    "arithmetic": ArithmeticGenerator,
    "combinations": CombinationGenerator,
    "groups": GroupGenerator,
}
TYPE_NAMES = {kind: name for name, kind in GENERATOR_TYPES.items()}
ENCODER_FILE = "encoder.arrays"
MOST_DENSE = 100_000
"""Largest width at which few rows of a sparse matrix are encoded as dense first: 400 kB a row."""


@dataclass(frozen=True)
class TableEncoder:
    """Encodes tables like the training rows of one fold.

    Attributes:
        blocks: One per column that is informative in the training rows.
        generators: Generators of further columns, which follow those of the blocks.
        is_sparse: Whether matrices are CSR.
    """

    blocks: Blocks
    generators: tuple[FeatureGenerator, ...]
    is_sparse: bool

    @cached_property
    def features(self) -> Features:
        """Names, categories and sources of the matrix columns; computed on first use."""
        names: list[str] = []
        categorical: list[int] = []
        cardinalities: list[int] = []
        sources: list[str] = []
        for block in self.blocks:
            if block.cardinality:
                categorical.append(len(names))
                cardinalities.append(block.cardinality)
            names += block.names
            sources += [block.key] * len(block.names)
        for generator in self.generators:
            names += generator.names
            sources += generator.sources
        # A family never gets a matrix without columns.
        return Features(
            tuple(names) or ("constant",),
            tuple(categorical),
            tuple(cardinalities),
            tuple(sources) or ("",),
        )

    @cached_property
    def width(self) -> int:
        """Number of columns of the matrix."""
        # A family never gets a matrix without columns.
        return int(self.blocks.widths.sum()) + sum(len(g.names) for g in self.generators) or 1

    @cached_property
    def number_rows(self) -> NumberRows:
        """The numeric columns, prepared to encode a few rows; computed on first use."""
        return NumberRows.of_blocks(self.blocks)

    @cached_property
    def category_rows(self) -> CategoryRows:
        """The categorical columns, likewise."""
        return CategoryRows.of_blocks(self.blocks)

    @cached_property
    def date_rows(self) -> DateRows:
        """The dates, likewise."""
        return DateRows.of_blocks(self.blocks)

    def transform(self, table: Table, rows: IntArray | None = None) -> Matrix:
        """Encodes rows of a table.

        Args:
            table: A table with the keys and kinds of the training table.
            rows: Row numbers; None for all rows.

        Returns:
            float32, ``(n_rows, n_features)``: C-contiguous, or CSR.

        Raises:
            MissingColumnError: The table lacks a column.
        """
        n_parts = len(self.blocks) + len(self.generators)
        return encode_table(table, rows, self, [None] * n_parts)

    def fitted_blocks(self, train: Matrix) -> dict[str, FittedColumn]:
        """Blocks by key, each with its columns of the encoded training rows."""
        fitted, start = {}, 0
        for block in self.blocks:
            end = start + len(block.names)
            columns = train[:, start:end]
            stored = columns.size if isinstance(columns, np.ndarray) else columns.nnz
            fitted[block.key] = FittedColumn(block, stored / max(train.shape[0], 1), columns)
            start = end
        return fitted

    def save(self, folder: Path) -> None:
        """Writes ``encoder.arrays`` into a folder, creating it if needed."""
        folder.mkdir(parents=True, exist_ok=True)
        texts, arrays = self.blocks.state()
        generators = []
        for i, generator in enumerate(self.generators):
            meta, own = generator.state()
            kind = TYPE_NAMES[type(generator)]
            generators.append({"type": kind, "keys": generator.keys, "state": meta})
            arrays |= prefixed(f"generator{i}", own)
        value = {"is_sparse": self.is_sparse, "texts": texts, "generators": generators}
        write_array_file(folder / ENCODER_FILE, value, arrays)

    @classmethod
    def load(cls, folder: Path) -> TableEncoder:
        """Reads an encoder that ``save`` wrote; its matrices are equal bit for bit.

        Raises:
            RunError: A file is missing or damaged; the message names it.
        """
        path = folder / ENCODER_FILE
        try:
            if not path.exists() and (folder / META_FILE).exists():
                blocks, generators, arrays, is_sparse = read_earlier(folder)
            else:
                value, found = read_array_file(path)
                blocks, generators = Blocks.from_state(value["texts"], found), value["generators"]
                arrays = [inner_arrays(f"generator{i}", found) for i in range(len(generators))]
                is_sparse = bool(value["is_sparse"])
            made = tuple(
                GENERATOR_TYPES[g["type"]].from_state(tuple(g["keys"]), g["state"], own)
                for g, own in zip(generators, arrays, strict=True)
            )
            return cls(blocks, made, is_sparse)
        except FileNotFoundError:
            raise RunError(f"{path} is missing: the encoder is not complete") from None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise RunError(f"{path} is damaged: {error}") from None


def values_of(table: Table, key: str, rows: IntArray | None) -> pa.Array:
    """The values of a column in the given rows, or in all.

    Raises:
        MissingColumnError: The table has no such column.
    """
    at = table.data.schema.get_field_index(key)  # listing all names is slow
    if at < 0:
        raise MissingColumnError(f"the table has no column {key}, which the encoder was fitted on")
    values = one_array(table.data.column(at))
    return values if rows is None else values.take(pa.array(rows, type=pa.int64()))


def encode_table(
    table: Table, rows: IntArray | None, encoder: TableEncoder, known: Sequence[Matrix | None]
) -> Matrix:
    """Encodes a table into one matrix; parts already encoded in ``known`` are copied."""
    n_rows = table.n_rows if rows is None else len(rows)
    is_few = n_rows <= FEW_ROWS and not any(train is not None for train in known)
    is_small = len(encoder.blocks) >= MANY_COLUMNS and encoder.width <= MOST_DENSE
    if encoder.is_sparse and not (is_few and is_small):
        return _assemble_sparse(table, rows, encoder, known)
    out = np.zeros((n_rows, encoder.width), dtype=np.float32)
    if n_rows:
        done = _write_at_once(table, rows, encoder, out) if is_few else set()
        _write_blocks(table, rows, encoder, known, out, done)
    if not encoder.is_sparse:
        return out
    from scipy.sparse import csr_matrix

    return csr_matrix(out)


def _write_blocks(
    table: Table,
    rows: IntArray | None,
    encoder: TableEncoder,
    known: Sequence[Matrix | None],
    out: NDArray[np.float32],
    done: set[int],
) -> None:
    """Encodes all blocks and generators, except blocks of the kinds that are done."""
    blocks, ends = encoder.blocks, np.cumsum(encoder.blocks.widths)
    for number in np.flatnonzero(~np.isin(blocks.kind, sorted(done))).tolist():
        train, end = known[number], ends[number]
        to = out[:, end - blocks.widths[number] : end]
        if train is not None:
            to[:] = train if isinstance(train, np.ndarray) else train.toarray()
        else:
            blocks[number].write(values_of(table, blocks.keys[number], rows), to)
    start = ends[-1] if len(ends) else 0
    for generator, train in zip(encoder.generators, known[len(blocks) :], strict=True):
        to = out[:, start : start + len(generator.names)]
        if train is not None:
            to[:] = train
        else:
            generator.write([values_of(table, key, rows) for key in generator.keys], to)
        start += len(generator.names)


def _write_at_once(
    table: Table, rows: IntArray | None, encoder: TableEncoder, out: NDArray[np.float32]
) -> set[int]:
    """Encodes a few rows of each kind that has many columns; returns these kinds."""
    blocks, done = encoder.blocks, set()

    def values(kind: int) -> pa.Array:
        keys = blocks.keys_of(kind)
        found = table.joined.get(keys) if rows is None else None
        if found is None:
            found = joined([values_of(table, key, rows) for key in keys])
            if rows is None:
                table.joined[keys] = found
        return found

    if len(blocks.numbers) >= MANY_COLUMNS:
        encoder.number_rows.write(values(NUMBERS), out)
        done.add(NUMBERS)
    n_categories = len(blocks.categories.texts)
    if len(blocks.categories) >= MANY_COLUMNS and n_categories <= MOST_CATEGORIES:
        encoder.category_rows.write(values(CATEGORIES), out)
        done.add(CATEGORIES)
    if len(blocks.dates) >= MANY_COLUMNS:
        encoder.date_rows.write(values(DATES), out)
        done.add(DATES)
    return done


def _assemble_sparse(
    table: Table, rows: IntArray | None, encoder: TableEncoder, known: Sequence[Matrix | None]
) -> Matrix:
    from scipy.sparse import csr_matrix, hstack

    if not (table.n_rows if rows is None else len(rows)):
        return csr_matrix((0, encoder.width), dtype=np.float32)
    parts = [
        block.sparse(values_of(table, block.key, rows)) if train is None else csr_matrix(train)
        for block, train in zip(encoder.blocks, known, strict=True)
    ]
    matrix = csr_matrix(hstack(parts, format="csr", dtype=np.float32))
    matrix.sort_indices()
    return matrix
