"""Selection on few rows: the mean of greedy selections on halves of them."""

from dataclasses import replace

import numpy as np
import pytest

from automl.ensemble.bagged_selection import bagged_weights
from automl.ensemble.candidates import aligned
from automl.ensemble.nested import CrossFit, parts_of, verdict_of
from automl.ensemble.selection import (
    SelectionOptions,
    best_single,
    greedy_weights,
    single_model_weights,
)
from automl.metrics import CATALOG
from tests.automl.ensemble.choosing import choose_ensemble

AUC, LOG_LOSS = CATALOG["roc_auc"], CATALOG["log_loss"]
SIZES = SelectionOptions(steps=24)


def alike(n_rows=200, n_models=12, seed=0, sureness=1.0):
    """Probabilities of models that err together: which of them is best is luck."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) % 2)
    common = 0.4 * y + rng.normal(size=n_rows)
    odds = sureness * (common + 0.2 * rng.normal(size=(n_models, n_rows)))
    return [np.c_[1 - p, p] for p in 1 / (1 + np.exp(-odds))], y


def with_noise(n_rows, seed):
    """A model that knows something and ten that guess."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) % 2)
    good = np.clip(0.5 + 0.05 * (2 * y - 1) + 0.3 * rng.normal(size=n_rows), 0, 1)
    return [np.c_[1 - p, p] for p in (good, *rng.random((10, n_rows)))], y


def counting(metric):
    """The metric, and the number of rows of each of its scorings."""
    n_rows = []

    def function(y_true, prediction, weight=None):
        n_rows.append(len(y_true))
        return metric.function(y_true, prediction, weight)

    return replace(metric, function=function), n_rows


def test_a_lucky_model_gets_less_weight_than_by_a_selection_on_all_rows():
    most, members = [], []
    for seed in range(12):
        candidates = aligned(*alike(seed=seed), AUC)
        ways = (
            greedy_weights(candidates, SIZES),
            bagged_weights(candidates, replace(SIZES, seed=seed)),
        )
        most.append([weights.max() for weights in ways])
        members.append([np.count_nonzero(weights) for weights in ways])
    greedy, bagged = np.transpose(most)
    assert (bagged < greedy).sum() >= 10
    assert bagged.mean() < 0.8 * greedy.mean()
    assert np.mean(members, axis=0)[1] > 1.5 * np.mean(members, axis=0)[0]


@pytest.mark.parametrize("max_members", [2, 5, 12])
def test_there_are_at_most_eight_members_and_no_more_than_allowed(max_members):
    found = []
    for seed in range(4):
        candidates = aligned(*with_noise(200, seed), AUC)
        weights = bagged_weights(candidates, replace(SIZES, max_members=max_members))
        assert weights.sum() == pytest.approx(1)
        found.append(np.count_nonzero(weights))
    assert max(found) == min(max_members, 8)


def test_members_of_different_halves_keep_limits_together():
    candidates = aligned(*alike(), AUC, loads=[[0.3]] * 12)
    weights = bagged_weights(candidates, SIZES)
    free = bagged_weights(replace(candidates, loads=np.zeros((12, 0))), SIZES)
    assert np.count_nonzero(free) > 3
    assert np.count_nonzero(weights) == 3


def test_the_seed_draws_the_halves_and_nothing_else_does():
    candidates = aligned(*alike(), AUC)
    found = [bagged_weights(candidates, replace(SIZES, seed=s)).tolist() for s in (0, 0, 1, 2)]
    assert found[0] == found[1]
    assert found[0] != found[2] or found[0] != found[3]
    chosen = [choose_ensemble(*alike(), AUC, seed=s) for s in (3, 3)]
    assert chosen[0].weights.tolist() == chosen[1].weights.tolist()
    assert chosen[0].interval == chosen[1].interval


def test_it_scores_half_of_the_rows_and_about_twice_as_often():
    metric, n_rows = counting(LOG_LOSS)
    bagged_weights(aligned(*alike(), metric), SIZES)
    assert set(n_rows) == {100}
    assert len(n_rows) <= 4 * (12 + 11 * 12)  # each model alone, and 11 steps after the best one


def test_on_a_handful_of_rows_it_is_the_greedy_selection():
    for n_rows, is_equal in ((39, True), (40, False)):
        candidates = aligned(*alike(n_rows), LOG_LOSS)
        ways = greedy_weights(candidates, SIZES), bagged_weights(candidates, SIZES)
        assert np.array_equal(*ways) == is_equal


def test_up_to_a_thousand_rows_no_single_model_is_taken_instead():
    for n_rows, kinds in ((1000, {"ensemble"}), (1001, {"ensemble", "single"})):
        found = [choose_ensemble(*with_noise(n_rows, seed), AUC, seed=seed) for seed in range(3)]
        assert {chosen.kind for chosen in found} <= kinds
        assert ("single" in {chosen.kind for chosen in found}) == ("single" in kinds)
    reason = choose_ensemble(*with_noise(1000, 0), AUC).reason
    assert reason.startswith("1000 rows are too few to tell the best model from a lucky one")


@pytest.mark.parametrize("options", [{"max_members": 1}, {"steps": 1}])
def test_one_member_or_one_step_gives_the_best_single_model_by_all_rows(options):
    metric, n_rows = counting(AUC)
    predictions, y = alike()
    chosen = choose_ensemble(predictions, y, metric, **options)
    assert chosen.kind == "single"
    assert chosen.weights[best_single(aligned(predictions, y, AUC))] == 1.0
    assert {200, 160, 120} <= set(n_rows)
    assert not {100, 80, 60} & set(n_rows)


def test_with_a_row_more_all_is_chosen_as_by_greedy_selection():
    for seed in range(3):
        predictions, y = alike(1001, seed=seed)
        known = aligned(predictions, y, LOG_LOSS)
        ways = {
            "single": lambda seen: single_model_weights(best_single(seen), seen.n_models),
            "ensemble": lambda seen: greedy_weights(seen, SelectionOptions(12, 12, 12)),
        }
        part = parts_of(known, 5, seed)
        fit = CrossFit(known, part, ways, (20_000, 5_000), seed)
        chosen = choose_ensemble(predictions, y, LOG_LOSS, seed=seed)
        kind = verdict_of([fit]).kind
        last = greedy_weights(known, SelectionOptions(25, 12, 30))
        expected = last if kind == "ensemble" else ways["single"](known)
        assert chosen.weights.tolist() == expected.tolist()
        shown = np.empty((1001, 2))
        for number, choice in enumerate(fit.choices()):
            rows = np.flatnonzero(part == number)
            shown[rows] = choice.held_out_predictions(known, rows)
        assert chosen.nested_score == known.score(shown)


def test_what_predicts_a_part_is_selected_on_halves_too():
    """Of 400 rows in five parts: halves of what is left without one part and without two."""
    metric, n_rows = counting(LOG_LOSS)
    predictions, y = alike(400, n_models=6)
    choose_ensemble(predictions, y, metric)
    assert {200, 160, 120} <= set(n_rows)
    assert 240 not in n_rows  # no selection without two parts looks at all rows
    assert n_rows.count(160) > 5 * 4 * 6
    assert n_rows.count(120) > 10 * 4 * 6


def test_the_mean_of_the_halves_is_corrected_where_that_helps():
    predictions, y = alike(600, sureness=6.0)
    chosen = choose_ensemble(predictions, y, LOG_LOSS)
    assert chosen.kind == "ensemble"
    assert chosen.calibration.temperature > 1.5
    assert chosen.interval[0] < chosen.nested_score < chosen.interval[1]


def test_repeats_of_few_rows_are_few_rows():
    rows = [alike(200, n_models=3)] * 6
    predictions = [np.concatenate(ps) for ps in zip(*(p for p, _ in rows), strict=True)]
    about = {
        "repeat": np.repeat(np.arange(6), 200),
        "group": np.tile(np.arange(200), 6),
        "fold": np.repeat(np.arange(6), 200) * 5 + np.tile(np.arange(200) % 5, 6),
    }
    chosen = choose_ensemble(predictions, np.tile(rows[0][1], 6), AUC, **about)
    assert chosen.reason.startswith("200 rows are too few")
