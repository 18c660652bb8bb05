"""The encoder of a whole table: the blocks of its columns side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.encode.arithmetic import ArithmeticGenerator
from automl.data.encode.block import Block, FittedBlock, prefixed
from automl.data.encode.categorical import CodesBlock, OneHotBlock
from automl.data.encode.combinations import CombinationGenerator
from automl.data.encode.dates import DateBlock
from automl.data.encode.few_rows import FEW_ROWS, MANY_COLUMNS, NumberColumns
from automl.data.encode.generated import Generator
from automl.data.encode.groups import GroupGenerator
from automl.data.encode.numeric import NumericBlock
from automl.data.encode.target import TargetBlock
from automl.data.encode.text import TextBlock
from automl.data.table import IntArray, Table
from automl.errors import MissingColumnError, RunError
from automl.plugin.context import Features
from automl.plugin.rows import Matrix

__all__ = ["Encoder", "assemble", "features_of", "values_of"]

BLOCK_TYPES: dict[str, type[Block]] = {
    "numeric": NumericBlock,
    "dates": DateBlock,
    "codes": CodesBlock,
    "onehot": OneHotBlock,
    "target": TargetBlock,
    "text": TextBlock,
}
GENERATOR_TYPES: dict[str, type[Generator]] = {
    "arithmetic": ArithmeticGenerator,
    "combinations": CombinationGenerator,
    "groups": GroupGenerator,
}
TYPE_NAMES: dict[type[Any], str] = {
    part_type: name for name, part_type in (*BLOCK_TYPES.items(), *GENERATOR_TYPES.items())
}
META_FILE, ARRAY_FILE = "encoder.json", "encoder.npz"


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes tables as the training rows of one fold were.

    Attributes:
        blocks: One per column in use that told anything in the training rows.
        generators: What makes new columns of several, after those of the blocks.
        is_sparse: Whether it gives CSR matrices.
        features: What the columns of the matrix are.
    """

    blocks: tuple[Block, ...]
    generators: tuple[Generator, ...]
    is_sparse: bool
    features: Features
    _numbers: list[NumberColumns] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def numbers(self) -> NumberColumns:
        """The numeric blocks together; made when few rows are first encoded."""
        if not self._numbers:
            self._numbers.append(NumberColumns.of(self.blocks))
        return self._numbers[0]

    def transform(self, table: Table, rows: IntArray | None = None) -> Matrix:
        """Encodes rows of a table with the same columns.

        Args:
            table: Columns by key, of the same kinds as in training.
            rows: Row numbers; None for all rows.

        Returns:
            float32, ``(n_rows, n_features)``: C-contiguous, or CSR.

        Raises:
            MissingColumnError: The table lacks a column.
        """
        n_parts = len(self.blocks) + len(self.generators)
        return assemble(table, rows, self, [None] * n_parts)

    def fitted_blocks(self, train: Matrix) -> dict[str, FittedBlock]:
        """Each block by its key, with its columns of the encoded training rows."""
        fitted, start = {}, 0
        for block in self.blocks:
            end = start + len(block.names)
            columns = train[:, start:end]
            stored = columns.size if isinstance(columns, np.ndarray) else columns.nnz
            fitted[block.key] = FittedBlock(block, stored / max(train.shape[0], 1), columns)
            start = end
        return fitted

    def save(self, folder: Path) -> None:
        """Writes ``encoder.json`` and ``encoder.npz`` into a folder that is made if needed."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {}
        blocks, generators = [], []
        for i, block in enumerate(self.blocks):
            meta, own = block.state()
            blocks.append({"type": TYPE_NAMES[type(block)], "key": block.key, "state": meta})
            arrays |= prefixed(str(i), own)
        for i, generator in enumerate(self.generators, start=len(blocks)):
            meta, own = generator.state()
            kind = TYPE_NAMES[type(generator)]
            generators.append({"type": kind, "keys": generator.keys, "state": meta})
            arrays |= prefixed(str(i), own)
        value = {"is_sparse": self.is_sparse, "blocks": blocks, "generators": generators}
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        (folder / META_FILE).write_bytes(text.encode())
        with (folder / ARRAY_FILE).open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """Reads what ``save`` wrote; its matrices are equal bit for bit.

        Raises:
            RunError: A file is missing or damaged; it is named.
        """
        path = folder / META_FILE
        try:
            value = json.loads(path.read_bytes())
            path = folder / ARRAY_FILE
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            own: dict[str, dict[str, NDArray[Any]]] = {}
            for name, array in arrays.items():
                number, _, inner = name.partition(".")
                own.setdefault(number, {})[inner] = array
            blocks = tuple(
                BLOCK_TYPES[b["type"]].from_state(b["key"], b["state"], own.get(str(i), {}))
                for i, b in enumerate(value["blocks"])
            )
            generators = tuple(
                GENERATOR_TYPES[g["type"]].from_state(
                    tuple(g["keys"]), g["state"], own.get(str(i), {})
                )
                for i, g in enumerate(value["generators"], start=len(blocks))
            )
            features = features_of(blocks, generators)
            return cls(blocks, generators, bool(value["is_sparse"]), features)
        except FileNotFoundError:
            raise RunError(f"{path} is missing: the encoder is not complete") from None
        except (ValueError, KeyError, TypeError, EOFError, OSError, BadZipFile) as error:
            raise RunError(f"{path} is damaged: {error}") from None


def features_of(blocks: Sequence[Block], generators: Sequence[Generator]) -> Features:
    """What the columns of a matrix are that these blocks and generators make."""
    names: list[str] = []
    categorical: list[int] = []
    cardinalities: list[int] = []
    sources: list[str] = []
    for block in blocks:
        if block.cardinality:
            categorical.append(len(names))
            cardinalities.append(block.cardinality)
        names += block.names
        sources += [block.key] * len(block.names)
    for generator in generators:
        names += generator.names
        sources += generator.sources
    # A family is never given a matrix without columns.
    return Features(
        tuple(names) or ("constant",),
        tuple(categorical),
        tuple(cardinalities),
        tuple(sources) or ("",),
    )


def values_of(table: Table, key: str, rows: IntArray | None) -> pa.Array:
    """The values of a column in some rows, or in all.

    Raises:
        MissingColumnError: The table has no such column.
    """
    at = table.data.schema.get_field_index(key)  # the list of all names takes long to make
    if at < 0:
        raise MissingColumnError(f"the table has no column {key}, which the encoder was fitted on")
    column = table.data.column(at)
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return values if rows is None else values.take(pa.array(rows, type=pa.int64()))


def assemble(
    table: Table, rows: IntArray | None, encoder: Encoder, known: Sequence[Matrix | None]
) -> Matrix:
    """Encodes column by column into one matrix; ``known`` blocks are taken as they are."""
    n_rows = table.n_rows if rows is None else len(rows)
    if encoder.is_sparse:
        return _assemble_sparse(table, rows, encoder, known)
    out = np.zeros((n_rows, len(encoder.features.names)), dtype=np.float32)
    if n_rows == 0:
        return out
    at_once: frozenset[int] = frozenset()
    is_new = not any(train is not None for train in known)
    if n_rows <= FEW_ROWS and is_new and len(encoder.numbers.keys) >= MANY_COLUMNS:
        encoder.numbers.write(table, rows, out)
        at_once = encoder.numbers.parts
    parts: tuple[Block | Generator, ...] = (*encoder.blocks, *encoder.generators)
    if len(at_once) == len(parts):
        return out
    start = 0
    for number, (part, train) in enumerate(zip(parts, known, strict=True)):
        end = start + len(part.names)
        if number in at_once:
            pass
        elif train is not None:
            out[:, start:end] = train if isinstance(train, np.ndarray) else train.toarray()
        elif isinstance(part, Generator):
            part.write([values_of(table, key, rows) for key in part.keys], out[:, start:end])
        else:
            part.write(values_of(table, part.key, rows), out[:, start:end])
        start = end
    return out


def _assemble_sparse(
    table: Table, rows: IntArray | None, encoder: Encoder, known: Sequence[Matrix | None]
) -> Matrix:
    from scipy.sparse import csr_matrix, hstack

    n_rows = table.n_rows if rows is None else len(rows)
    if n_rows == 0:
        return csr_matrix((0, len(encoder.features.names)), dtype=np.float32)
    parts = [
        block.sparse(values_of(table, block.key, rows)) if train is None else csr_matrix(train)
        for block, train in zip(encoder.blocks, known, strict=True)
    ]
    matrix = csr_matrix(hstack(parts, format="csr", dtype=np.float32))
    matrix.sort_indices()
    return matrix
