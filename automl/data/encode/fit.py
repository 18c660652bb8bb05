"""Fits the encoder of a table on the training rows of a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
from numpy.typing import NDArray

from automl.data.columns.identifiers import is_identifier
from automl.data.encode.column_blocks import Blocks
from automl.data.encode.columns.categorical import OneHotEncoder, OrdinalEncoder
from automl.data.encode.columns.categories import MISSING, fit_categories, in_order_of_numbers
from automl.data.encode.columns.column_encoder import FittedColumn
from automl.data.encode.columns.dates import fit_dates
from automl.data.encode.columns.numeric import fit_numeric
from automl.data.encode.columns.target import InnerFoldTarget, fit_target, inner_target
from automl.data.encode.generate.fit import fit_generators
from automl.data.encode.table_encoder import TableEncoder, encode_table, values_of
from automl.data.encode.text.text_encoder import fit_text, with_numeric_mode
from automl.data.table import Column, FloatArray, IntArray, Table
from automl.errors import PluginError
from automl.plugin.context import Encoding
from automl.plugin.rows import Matrix
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = ["fit_encoder"]


def fit_encoder(
    table: Table,
    rows: IntArray,
    y: NDArray[Any],
    *,
    task: Task,
    n_classes: int,
    encoding: Encoding,
    kinds: frozenset[ColumnKind],
    seed: int,
    weight: FloatArray | None = None,
    texts: Mapping[str, FittedColumn] | None = None,
) -> tuple[TableEncoder, Matrix]:
    """Fits an encoder on the given rows of a table only.

    Args:
        table: The features.
        rows: Numbers of the training rows.
        y: Class indices or values of all rows of the table.
        task: The task.
        n_classes: Number of classes; 0 for regression.
        encoding: The encoding.
        kinds: Column kinds to encode; others are left out.
        seed: Seed of inner folds and decompositions.
        weight: Weights of all rows of the table, or None.
        texts: Informative text columns by key, if they were fitted on these rows before with the
            same ``encoding.text`` and ``numeric="raw"``.

    Returns:
        The encoder, and the encoded training rows: out of fold where they depend on the target.

    Raises:
        PluginError: ``text="tfidf"`` without ``sparse=True``, or generated columns, which are
            dense, with it.
    """
    if encoding.text == "tfidf" and not encoding.sparse:
        raise PluginError("an encoding with text='tfidf' needs sparse=True; text='svd' is dense")
    if encoding.generated and encoding.sparse:
        raise PluginError(f"an encoding with generated={encoding.generated} needs sparse=False")
    if encoding.is_empty:
        nothing = TableEncoder(Blocks.of(()), (), False)
        return nothing, encode_table(table, rows, nothing, ())
    target = inner_target(y[rows], None if weight is None else weight[rows], task, n_classes, seed)
    fitted: list[FittedColumn] = []
    kinds = kinds & TABULAR_KINDS
    for column in table.of_kind(*kinds):
        if _is_left_out(column.kind, encoding):
            continue
        values = values_of(table, column.key, rows)
        if column.kind is ColumnKind.TEXT:
            if texts is None:
                block = fit_text(column.key, values, target, encoding.text == "svd", seed)
            else:
                block = texts.get(column.key)
            block = block and with_numeric_mode(block, values, _scaling(encoding))
        else:
            block = _fit_column(column, values, target, encoding)
        if block is not None:
            fitted.append(block)
    made = fit_generators(
        table.of_kind(*kinds), lambda key: values_of(table, key, rows), target, encoding, seed
    )
    blocks, generators = Blocks.of([f.block for f in fitted]), tuple(g.generator for g in made)
    encoder = TableEncoder(blocks, generators, False)
    if encoding.sparse and _saves_memory(fitted, encoder.width):
        encoder = TableEncoder(blocks, generators, True)
    known = [*(f.train for f in fitted), *(g.train for g in made)]
    return encoder, encode_table(table, rows, encoder, known)


def _is_left_out(kind: ColumnKind, encoding: Encoding) -> bool:
    """Whether an encoding drops a column kind; such columns are not read."""
    if kind is ColumnKind.TEXT:
        return encoding.text in ("raw", "drop")
    return (encoding.categorical if kind is ColumnKind.CATEGORICAL else encoding.numeric) == "drop"


def _fit_column(
    column: Column, values: pa.Array, target: InnerFoldTarget, encoding: Encoding
) -> FittedColumn | None:
    """Fits one column; None if it is uninformative or the encoding drops it."""
    key, scaling = column.key, _scaling(encoding)
    if column.kind is ColumnKind.DATETIME:
        return fit_dates(key, values, scaling)
    if column.kind is not ColumnKind.CATEGORICAL:
        return fit_numeric(key, values, scaling)
    index = fit_categories(values)
    has_missing = bool((index.codes(values) == MISSING).any())
    if len(index) + has_missing < 2:
        return None
    if encoding.categorical == "codes":
        index = in_order_of_numbers(index) if is_identifier(column) else index
        return FittedColumn(OrdinalEncoder(key, index), 1.0)
    if encoding.categorical == "onehot" and len(index) <= encoding.max_onehot:
        return FittedColumn(OneHotEncoder(key, index, has_missing), 1.0)
    return fit_target(key, index, values, target, scaled=scaling != "raw")


def _scaling(encoding: Encoding) -> Literal["raw", "standard", "quantile"]:
    """Scaling of numbers, including those computed from texts and categories."""
    return "raw" if encoding.numeric == "drop" else encoding.numeric


def _saves_memory(fitted: Sequence[FittedColumn], width: int) -> bool:
    """Whether CSR (a value and a column index per entry, a pointer per row) is smaller."""
    return 2 * sum(f.n_nonzero for f in fitted) + 1 < width
