"""The check on noise finds a stage that was chosen by the rows it is scored on."""

import numpy as np
import pytest

from automl.plugin import StageLog
from automl.testing import FamilyTestCase
from automl.testing.noise import MOST_GAIN, noise_table, score_noise
from automl_plugins.lightgbm.family import LightGBM
from tests.automl.testing.test_family import Staged

TOLD = {"settings": LightGBM.settings}
N_SEEDS = 16


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Of LightGBM on tables that tell nothing."""
    found = []
    for seed in range(N_SEEDS):
        table = noise_table(seed, TOLD)
        params = LightGBM().portfolio(table.problem())[0]
        folder = tmp_path_factory.mktemp("noise")
        found.append(score_noise(LightGBM(), params, table, seed, folder))
    return found


def test_a_stage_that_other_folds_choose_is_worth_nothing(scores):
    assert np.mean([one.said - one.fixed for one in scores]) < MOST_GAIN


def test_a_stage_that_its_own_rows_choose_is_found(scores):
    assert np.mean([one.own - one.fixed for one in scores]) > 2 * MOST_GAIN


class Walk(Staged):
    """Each stage is another random direction: one of them fits the rows that choose it."""

    portfolio_size = 30

    def fit(self, params, fold, context, report):
        rng = np.random.default_rng(context.seed)
        ways = rng.normal(size=(self.portfolio_size, fold.X_train.shape[1]))
        values = fold.X_valid @ ways.T
        stages = [1 / (1 + np.exp(-value)) for value in values.T]
        return Walked(self.logged([np.column_stack((1 - p, p)) for p in stages], fold, context))

    def logged(self, stages, fold, context):
        log = StageLog(context.metric)
        for number, prediction in enumerate(stages, 1):
            log.add(number, prediction)
        return (log,)


class Walked:
    def __init__(self, stages):
        self.stages = stages


class ScoredByItself(Walk):
    def logged(self, stages, fold, context):
        best = max(stages, key=lambda p: context.metric.score(fold.y_valid, p))
        return super().logged([best] * len(stages), fold, context)


@pytest.mark.parametrize(("family", "passes"), [(Walk, True), (ScoredByItself, False)])
def test_the_suite_finds_a_family_that_is_scored_at_its_own_best(tmp_path, family, passes):
    case = type("Case", (FamilyTestCase,), {"family": family()})()
    if passes:
        case.test_its_score_on_noise_is_chance(tmp_path)
    else:
        with pytest.raises(AssertionError, match="AUC on noise is 0"):
            case.test_its_score_on_noise_is_chance(tmp_path)


def test_the_suite_finds_a_search_that_lets_a_fold_choose_for_itself(tmp_path, monkeypatch):
    from automl.trial import settle

    monkeypatch.setattr(settle, "choosers", lambda fold, curves, plan: [fold])
    case = type("Case", (FamilyTestCase,), {"family": Walk()})()
    with pytest.raises(AssertionError, match="choosing a stage raises AUC on noise"):
        case.test_its_score_on_noise_is_chance(tmp_path)
