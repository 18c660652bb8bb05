"""What the tests of the conformance suite share: the family under test, and fitting it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from automl.plugin import (
    ColumnKind,
    FittedModel,
    Fold,
    IterativeFamily,
    Matrix,
    ModelFamily,
    PackedFamily,
    Params,
    Rows,
    TrialContext,
    View,
)
from automl.plugin.prediction import check_prediction
from automl.plugin.task import Task
from automl.testing.fakes import RandomSuggest, RecordingReport
from automl.testing.tables import TestTable, made_table, real_table

__all__ = ["DefaultFit", "FamilyCase", "each_task", "is_pickle"]

each_task = pytest.mark.parametrize("task", list(Task), ids=str)


class FamilyCase:
    """A family under test. ``FamilyTestCase`` adds the tests.

    Attributes:
        family: The family under test.
        settings: Settings it is tested with, beside its defaults.
        tasks: Tasks it is tested for, where it is slow and they are alike; all it takes when empty.
        exact_weights: Whether weights and repeated rows give the same model, not only on average.
        noise_seeds: Noise tables that a family is scored on which stops early; 0 for none.
        noise_settings: Settings for noise tables, beside those of the other tests.
        expected_failures: Names of tests it need not pass, with the reason.
    """

    family: ClassVar[ModelFamily]
    settings: ClassVar[Mapping[str, Any]] = {}
    tasks: ClassVar[frozenset[Task]] = frozenset()
    exact_weights: ClassVar[bool] = False
    noise_seeds: ClassVar[int] = 8
    noise_settings: ClassVar[Mapping[str, Any]] = {}
    expected_failures: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _skip_what_does_not_apply(self, request: pytest.FixtureRequest) -> None:
        name = getattr(request.node, "originalname", request.node.name)
        if name in self.expected_failures:
            pytest.skip(self.expected_failures[name])
        task = getattr(request.node, "callspec", None)
        taken = self.family.tasks & (self.tasks or self.family.tasks)
        if task is not None and task.params.get("task") not in {None, *taken}:
            pytest.skip(f"{self.family.name} is not tested for {task.params['task']}")

    def _made(self, task: Task) -> TestTable:
        return made_table(task, **self._told(task))

    def _real(self, task: Task) -> TestTable:
        return real_table(task, **self._told(task))

    def _told(self, task: Task) -> dict[str, Any]:
        """What a table is to know of the family."""
        told: dict[str, Any] = {
            "family": self.family,
            "settings": self.settings,
            "kinds": self.family.kinds,
        }
        view = self._view(made_table(task, **told))
        return {**told, "raw_texts": view.text == "raw" and ColumnKind.TEXT in self.family.kinds}

    def _packed_family(self) -> PackedFamily:
        if not isinstance(self.family, PackedFamily):
            pytest.skip("it fits one at a time")
        return self.family

    @property
    def _fidelity(self) -> str:
        return self.family.fidelity if isinstance(self.family, IterativeFamily) else ""

    def _params(self, table: TestTable) -> Params:
        """The default: the head of the portfolio, else a random point."""
        shape = table.shape()
        portfolio = self.family.portfolio(shape)
        return portfolio[0] if portfolio else self.family.search_space(RandomSuggest(), shape)

    def _view(self, table: TestTable, params: Params | None = None) -> View:
        chosen = self._params(table) if params is None else params
        return self.family.view(chosen, table.shape())

    def _fold(self, table: TestTable, params: Params | None = None) -> Fold:
        return table.fold(self._view(table, params))

    def _context(self, table: TestTable, seed: int = 0, **slot: Any) -> TrialContext:
        return table.context(seed, **slot)

    def _fit(
        self,
        table: TestTable,
        params: Params | None = None,
        fold: Fold | None = None,
        seed: int = 0,
        **slot: Any,
    ) -> tuple[NDArray[Any], Fold]:
        """Predictions of the validation rows of a fitted model, and its fold."""
        chosen = self._params(table) if params is None else params
        division = self._fold(table, chosen) if fold is None else fold
        model = self._model(table, division, chosen, seed, **slot)
        return model.predict(self._shown(division.valid)), division

    def _default_fit(self, task: Task, real: bool = False) -> DefaultFit:
        """The family's default on a made or a real table, fitted once for all who look at it."""
        return _fit_default(type(self), task, real)  # type: ignore[arg-type]  # classes are hashable

    def _shown(self, rows: Rows) -> Matrix | Rows:
        """What the family's models are given to predict."""
        return rows.shown_to(self.family.kinds)

    def _model(
        self,
        table: TestTable,
        fold: Fold,
        params: Params | None = None,
        seed: int = 0,
        **slot: Any,
    ) -> FittedModel:
        chosen = self._params(table) if params is None else params
        return self.family.fit(chosen, fold, self._context(table, seed, **slot), RecordingReport())

    def _check(self, prediction: NDArray[Any], fold: Fold, table: TestTable) -> None:
        checked = check_prediction(prediction, len(fold.y_valid), table.task, table.n_outputs)
        if table.task.is_classification:
            np.testing.assert_allclose(checked.sum(axis=1), 1.0, atol=1e-6)
            assert checked.min() >= 0.0


@dataclass(frozen=True, slots=True)
class DefaultFit:
    """A fit of the default params with the first seed and no limits, and what came of it.

    Attributes:
        table: The rows.
        fold: Their division.
        model: The fitted model.
        prediction: Of the validation rows.
        report: What the fit reported.
    """

    table: TestTable
    fold: Fold
    model: FittedModel
    prediction: NDArray[Any]
    report: RecordingReport


@functools.lru_cache(maxsize=2 * len(Task))  # tests of one class come together
def _fit_default(case: type[FamilyCase], task: Task, real: bool) -> DefaultFit:
    own, report = case(), RecordingReport()
    table = own._real(task) if real else own._made(task)
    fold = own._fold(table)
    model = own.family.fit(own._params(table), fold, own._context(table), report)
    return DefaultFit(table, fold, model, model.predict(own._shown(fold.valid)), report)


def is_pickle(file: Path) -> bool:
    """Whether a file is a pickle, or is an archive or array that holds one."""
    import pickletools
    import zipfile

    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            return any(name.endswith((".pkl", ".pickle")) for name in names) or any(
                b"'|O'" in archive.open(name).read(200) for name in names
            )
    content = file.read_bytes()
    if content[:6] == b"\x93NUMPY":
        return b"'|O'" in content[:200]
    try:
        return sum(1 for _ in pickletools.genops(content)) > 1
    except ValueError:
        return False
