import numpy as np
import pytest

from automl.ensemble import choose_ensemble, select_ensemble
from automl.ensemble.candidates import aligned
from automl.ensemble.nested import select_in_parts
from automl.metrics import CATALOG


def noise(seed, n_rows=300, n_models=20):
    """Models that know nothing of two classes."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) % 2)
    return [np.c_[1 - p, p] for p in rng.random((n_models, n_rows))], y


def test_the_score_on_selected_rows_flatters_and_the_nested_one_does_not():
    metric = CATALOG["roc_auc"]
    chosen = [choose_ensemble(*noise(seed), metric, seed=seed) for seed in range(12)]
    selected = [select_ensemble(*noise(seed), metric).score for seed in range(12)]
    assert min(selected) > 0.55
    flattery = np.mean(selected) - 0.5
    assert flattery > 0.08
    assert abs(np.mean([c.nested_score for c in chosen]) - 0.5) < flattery / 3
    assert sum(abs(c.nested_score - 0.5) < 2 * c.score_se for c in chosen) >= 8


def test_each_row_is_predicted_by_what_was_selected_without_its_part():
    y = np.arange(40.0)
    candidates = aligned([np.zeros(40), np.ones(40)], y, CATALOG["rmse"])
    seen_rows = []

    def last_seen(seen):
        seen_rows.append(seen.y)
        return np.array([0.0, 1.0])

    nested = select_in_parts(candidates, {"second": last_seen}, 4, 1000, 0)
    for part, rows in enumerate(seen_rows):
        assert sorted(rows) == sorted(y[nested.part_of_row != part])
    np.testing.assert_array_equal(nested.shown("second"), np.ones(40))


def test_groups_stay_together():
    group = np.random.default_rng(0).integers(0, 12, 200)
    candidates = aligned([np.zeros(200)], np.arange(200.0), CATALOG["rmse"], group=group)
    nested = select_in_parts(candidates, {"all": lambda seen: np.ones(1)}, 5, 1000, 0)
    for number in range(12):
        assert len(np.unique(nested.part_of_row[group == number])) == 1
    assert len(np.unique(nested.part_of_row)) == 5


@pytest.mark.parametrize("group", [None, np.zeros(40, dtype=int)])
def test_too_few_rows_or_groups_cannot_be_divided(group):
    n_rows = 7 if group is None else 40
    candidates = aligned([np.zeros(n_rows)], np.arange(float(n_rows)), CATALOG["rmse"], group=group)
    assert select_in_parts(candidates, {"all": lambda seen: np.ones(1)}, 5, 1000, 0) is None


def test_the_best_of_several_ways_is_chosen_without_the_rows_it_predicts():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(400) % 2)
    candidates = aligned([np.full((400, 2), 0.5)], y, CATALOG["roc_auc"])
    nested = select_in_parts(candidates, {"all": lambda seen: np.ones(1)}, 5, 1000, 0)
    ways = [np.c_[1 - p, p] for p in rng.random((50, 400))]
    scores = [candidates.score(way) for way in ways]
    assert max(scores) > 0.55
    assert candidates.score(nested.judged_elsewhere(ways)) < 0.55
    perfect = np.eye(2)[y]
    np.testing.assert_array_equal(nested.judged_elsewhere([*ways, perfect]), perfect)


def surer_in_some_folds(seed=0, n_rows=200):
    """A model that orders the rows of each fold well, and one that orders all rows less well."""
    rng = np.random.default_rng(seed)
    y, fold = np.arange(n_rows) % 2, np.arange(n_rows) // 2 % 4
    good = 1 / (1 + np.exp(-(3 * y - 1.5 + rng.normal(size=n_rows) + 3 * (fold - 1.5))))
    fair = 1 / (1 + np.exp(-(1.5 * y - 0.75 + rng.normal(size=n_rows))))
    return [np.c_[1 - p, p] for p in (good, fair)], y, fold


def test_a_model_is_not_blamed_for_folds_that_are_surer_than_others():
    predictions, y, fold = surer_in_some_folds()
    assert select_ensemble(predictions, y, CATALOG["roc_auc"]).single_best == 1
    chosen = choose_ensemble(predictions, y, CATALOG["roc_auc"], fold=fold)
    assert chosen.single_best == 0
    assert chosen.weights[0] > 0.5
    assert chosen.nested_score > 0.95


def test_folds_are_the_parts_where_rows_are_compared_within_them():
    predictions, y, fold = surer_in_some_folds()
    select = {"all": lambda seen: np.full(seen.n_models, 1 / seen.n_models)}
    for name, is_by_fold in (("roc_auc", True), ("log_loss", False)):
        candidates = aligned(predictions, y, CATALOG[name], fold=fold)
        nested = select_in_parts(candidates, select, parts=5, max_rows=100, seed=0)
        assert np.array_equal(nested.part_of_row, fold) == is_by_fold
    holdout = aligned(predictions, y, CATALOG["roc_auc"], fold=np.zeros(len(y), dtype=int))
    nested = select_in_parts(holdout, select, parts=5, max_rows=100, seed=0)
    assert len(np.unique(nested.part_of_row)) == 5
