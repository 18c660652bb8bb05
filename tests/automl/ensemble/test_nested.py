import numpy as np
import pytest

from automl.ensemble.candidates import aligned
from automl.ensemble.nested import CrossFit, parts_of, within_parts
from automl.ensemble.selection import (
    SelectionOptions,
    best_single,
    greedy_weights,
    single_model_weights,
)
from automl.metrics import CATALOG
from tests.automl.ensemble.choosing import choose_ensemble, select_ensemble

SELECTIONS = {
    "single": lambda seen: single_model_weights(best_single(seen), seen.n_models),
    "ensemble": lambda seen: greedy_weights(seen, SelectionOptions(6, 5, 8)),
}


def cross_fit(candidates, part_of_row, selections=SELECTIONS, max_rows=(10_000, 10_000)):
    return CrossFit(candidates, part_of_row, selections, max_rows)


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


def flat(choice):
    return [*choice.weights, choice.calibration]


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "balanced_accuracy"])
def test_nothing_that_is_chosen_for_a_part_depends_on_the_targets_of_the_part(metric):
    """Neither the weights, nor the kind, nor the correction: equal to the last bit."""
    changed_elsewhere = 0
    for seed in range(4):
        predictions, y = noise(seed, n_rows=200, n_models=8)
        fold = np.arange(200) % 5
        known = aligned(predictions, y, CATALOG[metric], fold=fold)
        before = cross_fit(known, fold).choices()
        for part in range(5):
            inside = np.flatnonzero(fold == part)
            shuffled = y.copy()
            shuffled[inside] = np.random.default_rng(part).permutation(y[inside])
            again = aligned(predictions, shuffled, CATALOG[metric], fold=fold)
            after = cross_fit(again, fold).choices()
            assert flat(after[part]) == flat(before[part])
            changed_elsewhere += any(flat(a) != flat(b) for a, b in zip(after, before, strict=True))
    assert changed_elsewhere >= 18


def test_values_and_samples_of_rows_keep_a_part_out_too():
    rng = np.random.default_rng(0)
    y, fold = rng.normal(size=300), np.arange(300) % 4
    predictions = [y + rng.normal(size=300) for _ in range(6)]
    sizes = {"max_rows": (120, 60)}
    before = cross_fit(aligned(predictions, y, CATALOG["rmse"]), fold, **sizes).choices()
    for part in range(4):
        wild = np.where(fold == part, 100 * y, y)
        after = cross_fit(aligned(predictions, wild, CATALOG["rmse"]), fold, **sizes).choices()
        assert flat(after[part]) == flat(before[part])


def test_each_selection_sees_what_is_left_without_one_part_or_two():
    y = np.arange(40.0)
    candidates = aligned([y + 1, y + 2], y, CATALOG["rmse"])
    part_of_row, seen_rows = parts_of(candidates, 4, 0), []

    def last(seen):
        seen_rows.append(tuple(seen.y))
        return np.array([0.0, 1.0])

    cross_fit(candidates, part_of_row, {"single": last, "ensemble": last}).choices()
    left_out = [{a, b} for a in range(4) for b in range(a, 4)]
    expected = [tuple(y[~np.isin(part_of_row, list(parts))]) for parts in left_out]
    assert sorted(set(seen_rows)) == sorted(expected)
    assert len(seen_rows) == 2 * len(expected)  # a selection without two parts serves both


def test_the_kind_for_a_part_is_the_better_one_on_the_other_parts():
    """A model that is right everywhere but in one part is chosen for that part."""
    rng = np.random.default_rng(0)
    y, part_of_row = rng.normal(size=100), np.arange(100) % 5
    good = np.where(part_of_row == 2, -y, y)
    candidates = aligned([good, -y, rng.normal(size=100)], y, CATALOG["rmse"])
    ways = {
        "single": lambda seen: np.array([0.0, 0.0, 1.0]),
        "ensemble": lambda seen: np.array([1.0, 0.0, 0.0]),
    }
    choice = cross_fit(candidates, part_of_row, ways).choices()[2]
    assert choice.weights.tolist() == [1.0, 0.0, 0.0]


def test_a_correction_is_learned_and_judged_without_the_part():
    """Models that are much too sure of themselves get a temperature in every part."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(400) % 2)
    logit = 6 * (2 * y - 1 + 1.5 * rng.normal(size=400))
    p = 1 / (1 + np.exp(-logit))
    candidates = aligned([np.c_[1 - p, p]], y, CATALOG["log_loss"])
    nested = cross_fit(candidates, parts_of(candidates, 5, 0))
    assert nested.verdict().is_corrected
    assert {c.calibration.temperature > 2 for c in nested.choices()} == {True}


def test_groups_stay_together():
    group = np.random.default_rng(0).integers(0, 12, 200)
    candidates = aligned([np.zeros(200)], np.arange(200.0), CATALOG["rmse"], group=group)
    part_of_row = parts_of(candidates, 5, 0)
    for number in range(12):
        assert len(np.unique(part_of_row[group == number])) == 1
    assert len(np.unique(part_of_row)) == 5


@pytest.mark.parametrize("n_groups", [None, 2])
def test_too_few_rows_or_groups_cannot_be_divided(n_groups):
    n_rows = 11 if n_groups is None else 40
    group = None if n_groups is None else np.arange(n_rows) % n_groups
    candidates = aligned([np.zeros(n_rows)], np.arange(float(n_rows)), CATALOG["rmse"], group=group)
    assert parts_of(candidates, 5, 0) is None


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


def test_parts_are_whole_folds_where_rows_are_compared_within_them():
    predictions, y, fold = surer_in_some_folds()
    for name, is_by_fold in (("roc_auc", True), ("log_loss", False)):
        part_of_row = parts_of(aligned(predictions, y, CATALOG[name], fold=fold), 5, 0)
        pairs = np.unique(np.c_[fold, part_of_row], axis=0)
        assert (len(pairs) == 4) == is_by_fold


def test_many_folds_are_brought_together_in_a_few_parts():
    predictions, y, _ = surer_in_some_folds()
    fold = np.arange(len(y)) // 2 % 8
    part_of_row = parts_of(aligned(predictions, y, CATALOG["roc_auc"], fold=fold), 5, 0)
    assert len(np.unique(part_of_row)) == 5
    assert len(np.unique(np.c_[fold, part_of_row], axis=0)) == 8


@pytest.mark.parametrize("n_folds", [1, 2])
def test_the_rows_of_a_holdout_or_of_two_folds_are_divided(n_folds):
    predictions, y, _ = surer_in_some_folds()
    fold = np.arange(len(y)) // 2 % n_folds
    part_of_row = parts_of(aligned(predictions, y, CATALOG["roc_auc"], fold=fold), 5, 0)
    assert len(np.unique(part_of_row)) == 5


def two_that_order_alike(n_rows=1000, seed=0):
    """Models of equal skill, of which one is far less sure of itself, and the classes."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) % 2)
    noise = rng.normal(size=(2, n_rows))
    sure, unsure = 1 / (1 + np.exp(-(1.5 * y - 0.75 + noise)))
    return [np.c_[1 - p, p] for p in (sure, 0.05 * unsure)], y


def test_parts_that_were_chosen_for_apart_are_not_compared_by_rank():
    metric = CATALOG["roc_auc"]
    predictions, y = two_that_order_alike()
    truth = np.mean([metric.score(y, p) for p in predictions])
    part = np.arange(len(y)) % 5
    mixed = np.where((part % 2 == 0)[:, np.newaxis], *predictions)
    known = aligned(predictions, y, metric)
    assert known.score(mixed) < truth - 0.05
    assert within_parts(known, part).score(mixed) == pytest.approx(truth, abs=0.015)


def test_parts_of_whole_folds_and_metrics_that_do_not_rank_are_compared_as_before():
    predictions, y = two_that_order_alike()
    fold = np.arange(len(y)) % 10
    known = aligned(predictions, y, CATALOG["roc_auc"], fold=fold)
    assert within_parts(known, fold // 2).score(predictions[0]) == known.score(predictions[0])
    assert within_parts(known, fold % 2).score(predictions[0]) == known.score(predictions[0])
    exact = aligned(predictions, y, CATALOG["log_loss"], fold=fold)
    assert within_parts(exact, fold // 2) is exact


def test_the_nested_score_of_a_holdout_is_that_of_what_is_selected():
    """A holdout has one fold, so that the parts of its rows are no whole folds."""
    metric = CATALOG["roc_auc"]
    differences, errors = [], []
    for seed in range(8):
        predictions, y = two_that_order_alike(600, seed)
        noise = np.random.default_rng(seed + 100).normal(size=600)
        third = 1 / (1 + np.exp(-(1.5 * y - 0.75 + noise)))
        fold = np.zeros(len(y), dtype=np.int64)
        three = [*predictions, np.c_[1 - third**0.2, third**0.2]]
        chosen = choose_ensemble(three, y, metric, fold=fold, seed=seed)
        differences.append(chosen.nested_score - chosen.score)
        errors.append(chosen.score_se)
        assert chosen.interval[0] < chosen.nested_score < chosen.interval[1]
    assert min(differences) > -0.03  # as the steps of a nested selection are few
    assert np.mean(errors) < 0.02
