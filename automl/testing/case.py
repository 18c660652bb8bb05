"""Base class of the conformance tests of a family, with shared fits."""

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
    Encoding,
    FittedModel,
    Fold,
    IterativeFamily,
    Matrix,
    ModelFamily,
    PackedFamily,
    Params,
    Rows,
    TrialContext,
)
from automl.plugin.prediction import check_prediction
from automl.plugin.task import Task
from automl.testing.fakes import RandomSuggest, RecordingReport
from automl.testing.tables import TestTable, real_table, synthetic_table

__all__ = ["DefaultFit", "FamilyCase", "each_task", "is_pickle"]

each_task = pytest.mark.parametrize("task", list(Task), ids=str)


class FamilyCase:
    """A family under test. ``FamilyTestCase`` adds the tests.

    Attributes:
        family: The family under test.
        settings: Settings for the tests, in addition to its defaults.
        tasks: Tasks to test, for slow families; empty for all.
        exact_weights: Whether weights and repeated rows give the same model, not only on average.
        noise_seeds: Number of noise tables for a family with early stopping; 0 for none.
        noise_settings: Additional settings for noise tables.
        expected_failures: Names of tests to skip, with the reason.
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

    def _made(self, task: Task, **size: int) -> TestTable:
        return synthetic_table(task, **size, **self._told(task))

    def _real(self, task: Task) -> TestTable:
        return real_table(task, **self._told(task))

    def _told(self, task: Task) -> dict[str, Any]:
        """Arguments of a ``TestTable`` that depend on the family."""
        told: dict[str, Any] = {
            "family": self.family,
            "settings": self.settings,
            "kinds": self.family.kinds,
        }
        encoding = self._view(synthetic_table(task, **told))
        return {
            **told,
            "raw_texts": encoding.text == "raw" and ColumnKind.TEXT in self.family.kinds,
        }

    def _packed_family(self) -> PackedFamily:
        if not isinstance(self.family, PackedFamily):
            pytest.skip("it does not train packs")
        return self.family

    @property
    def _fidelity(self) -> str:
        return self.family.fidelity if isinstance(self.family, IterativeFamily) else ""

    def _params(self, table: TestTable) -> Params:
        """Returns the default params: the first of the portfolio, else a random point."""
        problem = table.problem()
        portfolio = self.family.portfolio(problem)
        return portfolio[0] if portfolio else self.family.search_space(RandomSuggest(), problem)

    def _view(self, table: TestTable, params: Params | None = None) -> Encoding:
        chosen = self._params(table) if params is None else params
        return self.family.encoding(chosen, table.problem())

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
        """Fits a model and returns its predictions of the validation rows, and its fold."""
        chosen = self._params(table) if params is None else params
        division = self._fold(table, chosen) if fold is None else fold
        model = self._model(table, division, chosen, seed, **slot)
        return model.predict(self._shown(division.valid)), division

    def _default_fit(self, task: Task, real: bool = False, weighted: bool = False) -> DefaultFit:
        """Fits the default params on a synthetic or real table, once for all tests."""
        return _fit_default(type(self), task, real, weighted)  # type: ignore[arg-type]  # hashable

    def _shown(self, rows: Rows) -> Matrix | Rows:
        """Returns rows in the form that the family's models predict."""
        return rows.for_kinds(self.family.kinds)

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
    """A fit of the default params with the first seed and without limits.

    Attributes:
        table: The rows.
        fold: The fold.
        model: The fitted model.
        prediction: Predictions of the validation rows.
        report: Reports of the fit.
    """

    table: TestTable
    fold: Fold
    model: FittedModel
    prediction: NDArray[Any]
    report: RecordingReport


@functools.lru_cache(maxsize=3 * len(Task))  # tests of one class run together
def _fit_default(case: type[FamilyCase], task: Task, real: bool, weighted: bool) -> DefaultFit:
    own, report = case(), RecordingReport()
    table = own._real(task) if real else own._made(task)
    weight = np.random.default_rng(4).uniform(0.2, 3.0, size=len(table.y)) if weighted else None
    fold = table.fold(own._view(table), weight=weight)
    model = own.family.fit(own._params(table), fold, own._context(table), report)
    return DefaultFit(table, fold, model, model.predict(own._shown(fold.valid)), report)


def is_pickle(file: Path) -> bool:
    """Whether a file is a pickle, or an archive or array that contains one."""
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
