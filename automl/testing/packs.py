"""Tests that fits in a pack give the same models as single fits."""

from __future__ import annotations

import numpy as np
import pytest

from automl.plugin import PackFit, Report, Task, TrialPruned
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import RecordingReport
from automl.testing.tables import TestTable

__all__ = ["PackTests"]

ROUNDING = 0.02
"""Allowed rounding in a short training, as a share of the spread of predictions."""


class PackTests(FamilyCase):
    """Tests of ``PackedFamily``, skipped for other families."""

    @each_task
    def test_each_params_is_in_one_pack(self, task: Task) -> None:
        """Also params that occur twice."""
        family, problem = self._packed_family(), self._made(task).problem()
        params = [*family.portfolio(problem), *family.portfolio(problem)]
        packs = family.split_into_packs(params, problem)
        assert sorted(place for pack in packs for place in pack) == list(range(len(params)))

    @each_task
    def test_a_larger_pack_takes_no_less(self, task: Task) -> None:
        """The estimates can be used to place packs."""
        family, problem = self._packed_family(), self._made(task).problem()
        one, many = (family.pack_resources(n, problem) for n in (1, 40))
        for more, less in ((many, one), (one, family.resources(problem))):
            assert more.n_cpus >= less.n_cpus
            assert more.ram_gib >= less.ram_gib
            assert 1.0 >= more.n_gpus >= less.n_gpus
            assert more.vram_gib >= less.vram_gib

    @each_task
    def test_members_of_a_pack_become_what_they_become_alone(self, task: Task) -> None:
        """Two seeds on two folds."""
        family, table = self._packed_family(), self._made(task)
        members = self._members(table)
        together = family.fit_pack(members, table.context())
        for member, model in zip(members, together, strict=True):
            assert not isinstance(model, Exception)
            context = table.context(member.seed)
            alone = self.family.fit(member.params, member.fold, context, RecordingReport())
            X = member.fold.X_valid
            expected = alone.predict(X)
            allowed = ROUNDING * (1.0 if task.is_classification else table.y.std())
            np.testing.assert_allclose(model.predict(X), expected, atol=allowed)

    @each_task
    def test_a_member_that_is_pruned_ends_alone(self, task: Task) -> None:
        """The others continue and return their models."""
        family, table = self._packed_family(), self._made(task)
        if not self._fidelity:
            pytest.skip("it does not report inside a fit")
        reports = [RecordingReport(1), *(RecordingReport() for _ in range(3))]
        first, *others = family.fit_pack(self._members(table, reports), table.context())
        assert isinstance(first, TrialPruned)
        assert not [model for model in others if isinstance(model, Exception)]

    def _members(
        self, table: TestTable, reports: list[RecordingReport] | None = None
    ) -> list[PackFit]:
        params, rows = self._params(table), np.arange(len(table.y))
        encoding = self._view(table, params)
        folds = [table.fold(encoding, valid=rows % 4 == number) for number in (1, 3)]
        each: list[Report] = list(reports or [RecordingReport() for _ in range(4)])
        pairs = [(fold, seed) for seed in (5, 6) for fold in folds]
        return [
            PackFit(params, fold, seed, report)
            for (fold, seed), report in zip(pairs, each, strict=True)
        ]
