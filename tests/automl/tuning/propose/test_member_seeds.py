"""Members of the ensemble get further seeds once new params bring nothing."""

from collections import Counter

import numpy as np

from automl.config.schema import SearchConfig
from automl.trial.setup import derive_seed
from automl.trial.spec import SEED, TrialState
from automl.tuning.propose.member_seeds import MAX_SEEDS
from automl.tuning.propose.proposer import PATIENCE

BEST = 0.75


def skill(job):
    """One point of the space is far better than all others."""
    return 0.9 if job.spec.params["x"] == BEST else 0.1


def seeded(scene):
    return [t for t in scene.ledger.trials if t.spec.source == SEED]


def same_predictions(scene, job):
    """Predictions depend on the params, and not on the seed."""
    rows = scene.rows(job.fold)
    rng = np.random.default_rng(derive_seed(str(job.spec.params), "noise"))
    noise = rng.uniform(-0.05, 0.05, len(scene.dataset.y))[rows]
    side = 2 * scene.dataset.y[rows] - 1
    p = np.clip(0.5 + 0.45 * skill(job) * side + noise, 0.01, 0.99)
    return scene.done(job, np.column_stack([1 - p, p]))


def test_a_member_is_fitted_with_further_seeds_once_new_params_bring_nothing(
    make_scene, make_family
):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=20, slots=2, folds=3, skill=skill)
    scene.search()
    assert Counter(t.spec.params["x"] for t in seeded(scene)) == {BEST: MAX_SEEDS - 1}
    assert all(t.state is TrialState.COMPLETE for t in seeded(scene))
    assert seeded(scene)[0].index > PATIENCE
    assert {t.spec.trial_id for t in seeded(scene)} & set(scene.incumbent.current.weights)


def test_with_slow_fits_that_is_after_a_share_of_the_time_and_in_turn_with_new_params(
    make_scene, make_family
):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=200, slots=1, folds=3, skill=skill)
    scene.executor.seconds = 6.0  # so that few trials have no gain yet
    scene.search()
    first = seeded(scene)[0]
    assert first.started_s > 0.15 * 200
    assert first.index < PATIENCE
    assert scene.ledger.trials[first.index + 1].spec.source == "sampler"


def test_a_seed_that_changes_nothing_is_tried_once_and_not_promoted(make_scene, make_family):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=20, slots=1, folds=3, answer=same_predictions)
    scene.search()
    (copy,) = seeded(scene)
    assert copy.state is TrialState.PRUNED
    assert list(copy.results) == [0]


def test_members_of_a_family_that_may_not_have_more_trials_get_no_seeds(make_scene, make_family):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene(
        [family, make_family("b")],
        time_s=20,
        slots=1,
        skill=skill,
        model={"a": {"max_trials": 3}},
    )
    scene.search()
    assert len(scene.ledger.of_family("a")) == 3


def test_with_a_number_of_trials_none_is_a_further_seed(make_scene, make_family):
    scene = make_scene([make_family("a", portfolio=[{"x": BEST}])], trials=40, skill=skill)
    scene.search()
    assert len(scene.ledger.trials) == 40
    assert not seeded(scene)


def test_a_search_may_stop_once_it_gains_nothing(make_scene, make_family):
    config = SearchConfig()
    config.search.stop_early = True
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=200, slots=1, folds=2, skill=skill, config=config)
    scene.search()
    assert scene.controller.stopped_by == "no more gains"
    assert 0.3 * 60 < scene.budget.elapsed_s < 0.9 * 200


def test_otherwise_it_uses_its_time(make_scene, make_family):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=20, slots=1, folds=2, skill=skill)
    scene.search()
    assert scene.controller.stopped_by == "time"
    assert scene.budget.elapsed_s > 0.9 * 20
