"""Predicts new rows with the weighted mean of the members' models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from automl.data.columns.media import images_of, sequences_of, texts_of
from automl.data.split.split_plan import ALL_ROWS
from automl.data.table import Table
from automl.ensemble.ensemble import Ensemble, Member
from automl.ensemble.oof import as_probabilities
from automl.errors import AutoMLError, MissingExtraError, RunError, did_you_mean
from automl.plugin.context import Encoding
from automl.plugin.family import FittedModel, ModelFamily
from automl.plugin.prediction import check_prediction
from automl.plugin.rows import Matrix, Rows
from automl.plugin.task import ColumnKind
from automl.store.run_dir import RunDir

__all__ = ["FindEncoder", "Predictor", "TableEncoder"]

CHUNK_ROWS = 50_000  # encoded at a time, which limits memory


_Encoding = tuple[int, Encoding, frozenset[ColumnKind]]


class TableEncoder(Protocol):
    """A fitted encoder for the rows of any table with the same columns."""

    def transform(self, table: Table) -> Matrix:
        """Returns encoded rows, ``(n_rows, n_features)``."""
        ...


FindEncoder = Callable[[int, Encoding, frozenset[ColumnKind]], TableEncoder]
"""Returns the encoder of a fold for an encoding and the column kinds of a family."""


class Predictor:
    """Predicts new rows with the ensemble of a run. Models and encoders are loaded once.

    Args:
        run: Run directory with the models.
        ensemble: The ensemble.
        families: Installed families by name.
        find_encoder: Returns the encoder of a fold, encoding and column kinds.
        offset: ``Target.offset`` of the run, added to the predictions of its models.
    """

    def __init__(
        self,
        run: RunDir,
        ensemble: Ensemble,
        families: Mapping[str, ModelFamily],
        find_encoder: FindEncoder,
        *,
        offset: float,
    ) -> None:
        self.run = run
        self.ensemble = ensemble
        self._families = families
        self._find_encoder = find_encoder
        self._offset = offset
        self._models: dict[tuple[str, int], FittedModel] = {}
        self._encoders: dict[_Encoding, TableEncoder] = {}

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Predicts the rows of a table.

        Returns:
            Probabilities ``(n_rows, n_classes)`` in the order of the class indices, each row with
            sum 1; values ``(n_rows,)``; or ascending quantiles ``(n_rows, n_levels)``.

        Raises:
            RunError: A member's family is not installed, or its model is missing or fails; the
                message names it.
            MissingExtraError: A library of a model is not installed.
            DataError: The table does not fit the encoders.
        """
        is_class = self.ensemble.task.is_classification
        n_outputs = self.ensemble.n_outputs
        shape = (table.n_rows, n_outputs) if n_outputs else (table.n_rows,)
        result = np.zeros(shape)
        for encoding, fitted in _by_encoding(self.ensemble).items():
            encoder = self._encoder(encoding)
            _, view, kinds = encoding
            models = [(member, fold, self._model(member, fold)) for member, fold in fitted]
            for rows, chunk in _chunks(table):
                shown = Rows(
                    encoder.transform(chunk),
                    images_of(chunk, kinds),
                    sequences_of(chunk, kinds),
                    texts_of(chunk, kinds, view),
                ).for_kinds(kinds)
                for member, fold, model in models:
                    share = member.weight / len(member.folds)
                    result[rows] += share * self._predict_one(member, fold, model, shown)
        result = as_probabilities(result) if is_class else result + self._offset
        return self.ensemble.calibration.apply(result)

    def _encoder(self, encoding: _Encoding) -> TableEncoder:
        if encoding not in self._encoders:
            self._encoders[encoding] = self._find_encoder(*encoding)
        return self._encoders[encoding]

    def _model(self, member: Member, fold: int) -> FittedModel:
        key = (member.trial, fold)
        if key not in self._models:
            self._models[key] = self._load(member, fold)
        return self._models[key]

    def _load(self, member: Member, fold: int) -> FittedModel:
        family = self._families.get(member.family)
        if family is None:
            raise RunError(
                f"the ensemble of {self.run.path} needs family {member.family!r} for trial "
                f"{member.trial}, but no installed plugin has it"
                f"{did_you_mean(member.family, self._families)}; `automl plugins` lists the "
                "installed families"
            )
        path = self.run.model(member.trial, fold)
        if not path.is_dir():
            raise RunError(f"{path} is missing: the model of trial {member.trial}, fold {fold}")
        try:
            return family.load(path)
        except AutoMLError:
            raise
        except Exception as error:  # whatever the code of a plugin raises
            if isinstance(error, ImportError) and family.extra and error.name:
                needed_by = f"family {family.name}"
                raise MissingExtraError(needed_by, error.name, family.extra) from error
            raise RunError(
                f"the model of trial {member.trial}, fold {fold}, cannot be loaded from {path}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _predict_one(
        self, member: Member, fold: int, model: FittedModel, rows: Matrix | Rows
    ) -> NDArray[Any]:
        task, n_outputs = self.ensemble.task, self.ensemble.n_outputs
        try:
            prediction = check_prediction(model.predict(rows), rows.shape[0], task, n_outputs)
        except AutoMLError:
            raise
        except Exception as error:  # whatever the code of a plugin raises
            raise RunError(
                f"the model of trial {member.trial}, fold {fold}, cannot predict: "
                f"{type(error).__name__}: {error}"
            ) from error
        return as_probabilities(prediction) if task.is_classification else prediction


def _by_encoding(ensemble: Ensemble) -> dict[_Encoding, list[tuple[Member, int]]]:
    """Groups members and folds that receive the same matrix.

    All fits of all rows share the encoder of all rows, whatever their seed.
    """
    groups: dict[_Encoding, list[tuple[Member, int]]] = {}
    for member in ensemble.members:
        for fold in member.folds:
            encoding = (max(fold, ALL_ROWS), member.view, member.kinds)
            groups.setdefault(encoding, []).append((member, fold))
    return groups


def _chunks(table: Table) -> Iterator[tuple[slice, Table]]:
    if 0 < table.n_rows <= CHUNK_ROWS:
        yield slice(0, table.n_rows), table
        return
    for start in range(0, table.n_rows, CHUNK_ROWS):
        data = table.data.slice(start, CHUNK_ROWS)
        yield slice(start, start + data.num_rows), Table(data, table.columns)
