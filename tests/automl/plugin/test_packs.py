from __future__ import annotations

from automl.plugin import PackedFamily, PackFit, Task, TrialPruned
from automl.testing.tables import synthetic_table


class Packing(PackedFamily):
    """Fits a number, three of which may be trained together."""

    name = "packing"
    packable_params = frozenset({"rate"})

    def search_space(self, suggest, problem):
        return {}

    def max_pack_size(self, params, problem):
        return 3

    def fit(self, params, fold, context, report):
        report(1, 0.5)
        return (params["rate"], fold, context.seed)

    def save(self, model, path):
        raise NotImplementedError

    def load(self, path):
        raise NotImplementedError


def choices(*pairs):
    return [{"rate": rate, "depth": depth} for rate, depth in pairs]


def test_params_that_differ_in_what_is_packed_go_together_up_to_a_size() -> None:
    params = choices((1, 7), (2, 7), (1, 8), (3, 7), (4, 7))
    assert Packing().split_into_packs(params, synthetic_table(Task.BINARY).problem()) == [
        [0, 1, 3],
        [4],
        [2],
    ]


def test_without_a_program_of_its_own_a_pack_is_fitted_one_after_another() -> None:
    table = synthetic_table(Task.BINARY)
    fold = table.fold(Packing().encoding({}, table.problem()))

    def prune(step: int, score: float) -> None:
        raise TrialPruned

    reports = (lambda step, score: None, prune)
    members = [PackFit(choices((i, 7))[0], fold, 10 + i, r) for i, r in enumerate(reports)]
    first, second = Packing().fit_pack(members, table.context(seed=5))
    assert first == (0, fold, 10)
    assert isinstance(second, TrialPruned)
