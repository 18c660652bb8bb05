"""The conformance suite of families: inherit ``FamilyTestCase`` and set ``family``."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automl.config.values import value_problem
from automl.plugin import (
    ConfigurableFamily,
    OutOfBagFamily,
    Param,
    SelectiveFamily,
    Task,
    TrialPruned,
)
from automl.plugin.prediction import check_prediction
from automl.testing.canaries import LeakageCanaries
from automl.testing.case import each_task, is_pickle
from automl.testing.deadlines import Deadlines
from automl.testing.fakes import CheckingSuggest, RandomSuggest, RecordingReport
from automl.testing.few_rows import FewRows
from automl.testing.honesty import Honesty
from automl.testing.noise import Noise
from automl.testing.packs import PackTests
from automl.testing.refits import RefitTests
from automl.testing.weights import WeightTests

__all__ = ["FamilyTestCase"]

FEW = 120
"""Rows of a table for params that may make a fit slow."""

HEAVY = ("sklearn", "torch", "optuna", "pandas")
"""Libraries that importing a family must not load, besides those in its ``preload``."""


class FamilyTestCase(
    Deadlines, FewRows, LeakageCanaries, Honesty, Noise, PackTests, RefitTests, WeightTests
):
    """Tests of the contract of ``ModelFamily``, on which the search relies.

    Attributes:
        family: The family under test; set it.
        settings: Settings for the tests, in addition to its defaults.
        tasks: Tasks to test, for slow families; empty for all.
        exact_weights: Whether a row of weight 2 gives exactly the model of the row twice. If rows
            are drawn or counted, this holds only on average.
        noise_seeds: Number of noise tables, of five fits each, for a family with early stopping:
            16 if a fit takes milliseconds, 0 if it takes too long.
        noise_settings: Additional settings for noise tables, such as fewer rounds.
        expected_failures: Names of tests to skip, with the reason, which is shown.

    Example:
        >>> class TestMyFamily(FamilyTestCase):
        ...     family = MyFamily()
        ...     tasks = frozenset({Task.REGRESSION})
        >>> TestMyFamily().test_resources_are_positive(Task.REGRESSION)  # pytest runs them all
    """

    # What it declares

    def test_name_and_kinds_are_valid(self) -> None:
        """The name is valid in a configuration, and so are tasks and kinds."""
        assert self.family.name.isidentifier()
        assert self.family.name == self.family.name.lower()
        assert self.family.tasks
        assert self.family.tasks <= frozenset(Task)
        assert self.family.kinds

    def test_its_settings_have_ranges(self) -> None:
        """Numbers and strings have ranges, and the defaults are within them."""
        if not isinstance(self.family, ConfigurableFamily):
            pytest.skip("it has no settings")
        json.dumps(dict(self.family.settings), allow_nan=False)
        problems = []
        for name, default in self.family.settings.items():
            param = self.family.setting_ranges.get(name, Param())
            values = default if isinstance(default, list | tuple) else [default]
            plain = [value for value in values if isinstance(value, int | float | str)]
            if plain and param == Param():
                problems.append(f"{name} has no entry in setting_ranges")
            problems += [p for value in plain if (p := value_problem(name, value, param))]
            bounds = (param.low, param.high, param.above, param.below)
            if param.kind in ("int", "float") and not param.choices and set(bounds) == {None}:
                problems.append(f"the range of {name} has no end")
        assert problems == []

    def test_importing_it_is_light(self) -> None:
        """Its module loads no heavy library, as the command line imports every family."""
        module = type(self.family).__module__
        heavy = sorted({*HEAVY, *(name.split(".")[0] for name in self.family.preload)})
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}; import {module}; "
            f"print(*(m for m in {heavy!r} if m in sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
        assert not done.stdout.split(), f"importing {module} loads {done.stdout.strip()}"

    @each_task
    def test_resources_are_positive(self, task: Task) -> None:
        """The estimate can be used to place jobs."""
        resources = self.family.resources(self._made(task).problem())
        assert resources.n_cpus >= 1
        assert 0 < resources.ram_gib < 64
        assert 0 <= resources.n_gpus <= 1

    @each_task
    def test_its_view_depends_neither_on_devices_nor_on_time(self, task: Task) -> None:
        """A run opened on another machine finds the encoders of its models."""
        problem = self._made(task).problem()
        other = replace(problem, n_cpus=64, n_gpus=8, time_s=1.0)
        drawn = (self.family.search_space(RandomSuggest(seed), problem) for seed in range(5))
        for params in (*self.family.portfolio(problem), *drawn):
            assert self.family.encoding(params, problem) == self.family.encoding(params, other)

    @each_task
    def test_reasons_not_to_be_tried_are_sentences(self, task: Task) -> None:
        """They are shown to users."""
        if not isinstance(self.family, SelectiveFamily):
            pytest.skip("it is for all data")
        for n_rows in (20, 1_000, 10_000_000):
            reason = self.family.unsupported_reason(
                replace(self._made(task).problem(), n_rows=n_rows)
            )
            assert reason is None or len(reason.split()) >= 4

    @each_task
    def test_params_survive_json(self, task: Task) -> None:
        """They are stored and shown."""
        problem = self._made(task).problem()
        for seed in range(5):
            params = self.family.search_space(RandomSuggest(seed), problem)
            assert json.loads(json.dumps(params, allow_nan=False)) == params

    @each_task
    def test_portfolio_is_complete_and_inside_the_space(self, task: Task) -> None:
        """Its entries become trials of the study."""
        shapes = [
            replace(table.problem(), n_rows=n_rows)
            for table in (self._made(task), self._real(task))
            for n_rows in (200, 5_000, 50_000, 500_000)
        ]
        for shape in shapes:
            for params in self.family.portfolio(shape):
                check = CheckingSuggest(dict(params))
                drawn = self.family.search_space(check, shape)
                assert check.problems == []
                assert drawn == dict(params)

    # What it predicts

    @each_task
    def test_predictions_have_the_right_shape(self, task: Task) -> None:
        """Finite, one per row, and probabilities sum to 1."""
        for real in (True, False):
            found = self._default_fit(task, real)
            self._check(found.prediction, found.fold, found.table)

    @each_task
    def test_it_beats_the_prior(self, task: Task) -> None:
        """On real data."""
        found = self._default_fit(task, real=True)
        table, fold, prediction = found.table, found.fold, found.prediction
        if task.is_classification:
            constant: Any = np.bincount(fold.y_train, minlength=table.n_classes) / len(fold.y_train)
        elif table.metric.quantiles:
            constant = np.quantile(fold.y_train, table.metric.quantiles)
        else:
            constant = fold.y_train.mean()
        prior = np.broadcast_to(constant, prediction.shape)
        score = table.metric.score(fold.y_valid, prediction)
        assert table.metric.is_better(score, table.metric.score(fold.y_valid, prior))

    @each_task
    def test_any_point_of_the_space_can_be_fitted(self, task: Task) -> None:
        """Three random points."""
        table = self._made(task, n_rows=FEW)
        for seed in range(3):
            params = self.family.search_space(RandomSuggest(seed), table.problem())
            self._check(*self._fit(table, params=params), table)

    @each_task
    def test_the_same_seed_gives_the_same_model(self, task: Task) -> None:
        """Whatever ran before in this process, and with a filled memo."""
        found = self._default_fit(task)
        np.random.seed(1)  # the global state must not matter
        again, _ = self._fit(found.table, fold=found.fold)
        fresh, _ = self._fit(found.table)
        np.testing.assert_array_equal(found.prediction, again)
        np.testing.assert_array_equal(found.prediction, fresh)

    @each_task
    def test_saved_and_loaded_it_predicts_the_same(self, task: Task, tmp_path: Path) -> None:
        """Bit for bit, and no file holds a pickle."""
        found = self._default_fit(task)
        self.family.save(found.model, tmp_path)
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert files, "save wrote nothing"
        assert [f.name for f in files if is_pickle(f)] == []
        loaded = self.family.load(tmp_path)
        rows = self._shown(found.fold.valid)
        np.testing.assert_array_equal(loaded.predict(rows), found.model.predict(rows))

    # Data as it comes

    @each_task
    def test_one_column_is_enough(self, task: Task) -> None:
        """A table of a single feature."""
        table = self._made(task)
        none = np.empty((len(table.y), 0), dtype=np.int64)
        table = replace(table, numeric=table.numeric[:, :1], codes=none)
        self._check(*self._fit(table), table)

    @each_task
    def test_constant_columns_do_no_harm(self, task: Task) -> None:
        """A table of constant columns."""
        table = self._made(task)
        none = np.empty((len(table.y), 0), dtype=np.int64)
        table = replace(table, numeric=np.full((len(table.y), 2), 3.0), codes=none)
        self._check(*self._fit(table), table)

    @each_task
    def test_a_class_may_be_missing_in_the_training_rows(self, task: Task) -> None:
        """Its probability is still predicted; for regression the target is constant."""
        table = self._made(task)
        if not task.is_classification:
            table = replace(table, y=np.full(len(table.y), 2.5))
            self._check(*self._fit(table), table)
            return
        valid = np.arange(len(table.y)) % 4 == 3
        for missing in {0, table.n_classes - 1}:
            y = np.where(~valid & (table.y == missing), 1 if missing == 0 else 0, table.y)
            changed = replace(table, y=y)
            self._check(*self._fit(changed), changed)

    @each_task
    def test_read_only_memory_maps_are_taken(self, task: Task, tmp_path: Path) -> None:
        """Workers receive the encoded rows as memory-mapped files."""
        found, mapped = self._default_fit(task), {}
        fold = self._fold(found.table)
        for name in ("X_train", "y_train", "X_valid", "y_valid"):
            np.save(tmp_path / f"{name}.npy", getattr(fold, name))
            mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        prediction, _ = self._fit(found.table, fold=replace(fold, **mapped))
        np.testing.assert_array_equal(prediction, found.prediction)

    @each_task
    def test_sparse_rows_are_taken_where_the_view_allows_them(self, task: Task) -> None:
        """CSR matrices of training and validation rows."""
        table = self._made(task)
        if not self._view(table).sparse:
            pytest.skip("its encoding is dense")
        fold = table.fold(self._view(table), sparse=True)
        self._check(*self._fit(table, fold=fold), table)

    # Reports and out-of-bag rows

    @each_task
    def test_reports_count_up_and_pruning_passes(self, task: Task) -> None:
        """Steps increase, scores are finite, and ``TrialPruned`` is not caught."""
        found = self._default_fit(task, real=True)
        table, fold, params = found.table, found.fold, self._params(found.table)
        steps = [step for step, _ in found.report.steps]
        assert steps == sorted(set(steps))
        assert all(np.isfinite(score) for _, score in found.report.steps)
        if not self._fidelity:
            assert not steps, "a family that reports must name its fidelity"
        for call in sorted({1, len(steps)} if steps else ()):
            with pytest.raises(TrialPruned):
                self.family.fit(params, fold, self._context(table), RecordingReport(call))

    @each_task
    def test_out_of_bag_predictions_stand_for_rows(self, task: Task) -> None:
        """One per training row, from a fit on all rows without validation rows."""
        if not isinstance(self.family, OutOfBagFamily):
            pytest.skip("it has no out-of-bag predictions")
        table = self._real(task)
        fold = table.fold(self._view(table), valid=np.zeros(len(table.y), dtype=bool))
        context, params = self._context(table), self._params(table)
        model = self.family.fit(params, fold, context, RecordingReport())
        unbagged = model.out_of_bag_prediction()
        seen = np.isfinite(unbagged.reshape(len(table.y), -1)).all(axis=1)
        assert seen.mean() > 0.9
        check_prediction(unbagged[seen], int(seen.sum()), task, table.n_outputs)
        assert not np.array_equal(unbagged[seen], model.predict(self._shown(fold.train))[seen])
