"""A fold of a table, encoded as a family sees it."""

from __future__ import annotations

from automl.data.columns.media import texts_of
from automl.data.encode import TableEncoder, fit_encoder
from automl.data.split.split_plan import Split
from automl.data.table import Dataset
from automl.plugin import ColumnKind, Encoding, Fold

__all__ = ["encoded_fold"]


def encoded_fold(
    dataset: Dataset,
    division: Split,
    encoding: Encoding,
    kinds: frozenset[ColumnKind],
    seed: int = 0,
) -> tuple[Fold, TableEncoder]:
    """Training and validation rows in a view, and the encoder, which has seen the former only.

    Args:
        dataset: The table.
        division: Numbers of the rows.
        encoding: How the columns are shown.
        kinds: Of the columns that are taken.
        seed: Of the encoder.
    """
    table, y, target = dataset.table, dataset.y, dataset.target
    encoder, X_train = fit_encoder(
        table,
        division.train,
        y,
        task=target.task,
        n_classes=target.n_classes,
        encoding=encoding,
        kinds=kinds,
        seed=seed,
    )
    fold = Fold(
        X_train=X_train,
        y_train=y[division.train],
        weight_train=None,
        X_valid=encoder.transform(table, division.valid),
        y_valid=y[division.valid],
        weight_valid=None,
        features=encoder.features,
        texts_train=texts_of(table, kinds, encoding, division.train),
        texts_valid=texts_of(table, kinds, encoding, division.valid),
    )
    return fold, encoder
