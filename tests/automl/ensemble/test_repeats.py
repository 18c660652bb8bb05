"""Selection by a metric that ranks, where the folds are repeated."""

import numpy as np
import pytest

from automl.metrics import CATALOG
from tests.automl.ensemble.choosing import choose_ensemble, select_ensemble

N_FOLDS = 5
AUC = CATALOG["roc_auc"]


def repeated(make, n_rows=200, n_repeats=3, seed=0):
    """Predictions of each repeat, ``make(repeat, y, rng)``, stacked, with what describes rows."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) % 2)
    shown = [make(repeat, y, rng) for repeat in range(n_repeats)]
    models = [np.concatenate(ps) for ps in zip(*shown, strict=True)]
    fold = np.concatenate(
        [N_FOLDS * r + rng.permutation(np.arange(n_rows) % N_FOLDS) for r in range(n_repeats)]
    )
    about = {
        "fold": fold,
        "group": np.tile(np.arange(n_rows), n_repeats),
        "repeat": np.repeat(np.arange(n_repeats), n_rows),
    }
    return [np.c_[1 - p, p] for p in models], np.tile(y, n_repeats), about


def knows(y, rng, share):
    return share * y + (1 - share) * rng.random(len(y))


def lucky_at_first(repeat, y, rng):
    """One model is perfect in the first repeat and guesses in the others; one always knows."""
    return [y * 1.0 if repeat == 0 else rng.random(len(y)), knows(y, rng, 0.4)]


@pytest.mark.parametrize("final", [False, True])
def test_all_repeats_steer_the_selection(final):
    predictions, y, about = repeated(lucky_at_first)
    if final:
        chosen = choose_ensemble(predictions, y, AUC, steps=1, **about)
    else:
        chosen = select_ensemble(predictions, y, AUC, steps=1, fold=about["fold"])
    assert chosen.weights.tolist() == [0.0, 1.0]
    first = about["repeat"] == 0
    alone = {name: values[first] for name, values in about.items()}
    lucky = choose_ensemble([p[first] for p in predictions], y[first], AUC, steps=1, **alone)
    assert lucky.weights.tolist() == [1.0, 0.0]


def test_the_score_of_one_model_is_the_mean_over_the_repeats():
    predictions, y, about = repeated(lambda r, y, rng: [knows(y, rng, 0.1 * (1 + r))])
    chosen = choose_ensemble(predictions, y, AUC, **about)
    scores = [
        AUC.score_folds(y[rows], predictions[0][rows], about["fold"][rows])
        for rows in (np.flatnonzero(about["repeat"] == r) for r in range(3))
    ]
    assert max(scores) - min(scores) > 0.1
    assert chosen.nested_score == pytest.approx(np.mean(scores))


def test_rows_that_are_predicted_again_make_the_interval_no_narrower():
    same = np.random.default_rng(1)
    noise = same.random(200)

    def alike(repeat, y, rng):
        return [0.2 * y + 0.8 * noise]

    once = [repeated(alike, n_repeats=n) for n in (1, 4)]
    errors = [choose_ensemble(p, y, AUC, **about).score_se for p, y, about in once]
    assert errors[1] == pytest.approx(errors[0], rel=0.1)


def test_a_row_of_another_repeat_does_not_tell_its_target():
    """Guesses that are the same in every repeat: who selects on another repeat knows the rows."""
    said, selected = [], []
    for seed in range(4):
        guesses = list(np.random.default_rng([seed, 7]).random((8, 120)))

        def alike(repeat, y, rng, guesses=guesses):
            return guesses

        predictions, y, about = repeated(alike, n_rows=120, n_repeats=2, seed=seed)
        chosen = choose_ensemble(predictions, y, AUC, steps=4, seed=seed, **about)
        said.append(chosen.nested_score)
        selected.append(chosen.score)
    assert np.mean(selected) > 0.57
    assert abs(np.mean(said) - 0.5) < 0.045
