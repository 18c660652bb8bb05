"""Packs: fits that a family trains together must become what they become alone."""

from __future__ import annotations

import numpy as np
import pytest

from automl.plugin import PackMember, Report, Task, TrialPruned
from automl.testing.case import FamilyCase, each_task
from automl.testing.fakes import RecordingReport
from automl.testing.tables import TestTable

__all__ = ["Packs"]

ROUNDING = 0.02
"""Share of the spread of predictions that rounding may come to over a short training."""


class Packs(FamilyCase):
    """Tests of ``PackedFamily``; any other family skips them."""

    @each_task
    def test_each_params_is_in_one_pack(self, task: Task) -> None:
        """Whatever they are; those that are equal but in ``packed`` go together as room allows."""
        family, shape = self._packed_family(), self._made(task).shape()
        params = [*family.portfolio(shape), *family.portfolio(shape)]
        packs = family.pack(params, shape)
        assert sorted(place for pack in packs for place in pack) == list(range(len(params)))

    @each_task
    def test_a_larger_pack_takes_no_less(self, task: Task) -> None:
        """Estimates by which packs can be placed."""
        family, shape = self._packed_family(), self._made(task).shape()
        one, many = (family.pack_resources(n, shape) for n in (1, 40))
        for more, less in ((many, one), (one, family.resources(shape))):
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
        """The others go on, and have their models."""
        family, table = self._packed_family(), self._made(task)
        if not self._fidelity:
            pytest.skip("it does not report inside a fit")
        reports = [RecordingReport(1), *(RecordingReport() for _ in range(3))]
        first, *others = family.fit_pack(self._members(table, reports), table.context())
        assert isinstance(first, TrialPruned)
        assert not [model for model in others if isinstance(model, Exception)]

    def _members(
        self, table: TestTable, reports: list[RecordingReport] | None = None
    ) -> list[PackMember]:
        params, rows = self._params(table), np.arange(len(table.y))
        view = self._view(table, params)
        folds = [table.fold(view, valid=rows % 4 == number) for number in (1, 3)]
        each: list[Report] = list(reports or [RecordingReport() for _ in range(4)])
        pairs = [(fold, seed) for seed in (5, 6) for fold in folds]
        return [
            PackMember(params, fold, seed, report)
            for (fold, seed), report in zip(pairs, each, strict=True)
        ]
