"""Members of the ensemble that the clock cut get more time once new params bring nothing."""

import numpy as np

from automl.config.schema import SearchConfig
from automl.trial.setup import derive_seed
from automl.trial.spec import LONGER, TrialState
from automl.tuning.propose.proposer import PATIENCE

BEST = 0.75


def skill(job):
    """One point of the space is far better than all others."""
    return 0.9 if job.spec.params["x"] == BEST else 0.1


def all_its_time(job):
    """Fits of the best params use up their time."""
    return job.time_limit_s if job.spec.params["x"] == BEST else 0.1


def longer(scene):
    return [t for t in scene.ledger.trials if t.spec.source == LONGER]


def same_predictions(scene, job):
    """Predictions depend on the params, and not on seed or time."""
    rows = scene.rows(job.fold)
    rng = np.random.default_rng(derive_seed(str(job.spec.params), "noise"))
    noise = rng.uniform(-0.05, 0.05, len(scene.dataset.y))[rows]
    side = 2 * scene.dataset.y[rows] - 1
    p = np.clip(0.5 + 0.45 * skill(job) * side + noise, 0.01, 0.99)
    return scene.done(job, np.column_stack([1 - p, p]))


def test_a_member_that_the_clock_cut_has_more_time_once_new_params_bring_nothing(
    make_scene, make_family
):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=20, slots=2, skill=skill, fit_s=all_its_time)
    scene.search()
    (again,) = longer(scene)
    assert again.spec.params == {"x": BEST}
    assert again.index > PATIENCE
    assert again.state is TrialState.COMPLETE
    limits = {
        trial: {j.time_limit_s for j in scene.executor.submitted if j.spec.trial_id == trial}
        for trial in ("a-0", again.spec.trial_id)
    }
    assert max(limits["a-0"]) < min(limits[again.spec.trial_id])


def test_a_member_whose_fits_ended_by_themselves_is_not_fitted_again(make_scene, make_family):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=20, slots=2, skill=skill)
    scene.search()
    assert longer(scene) == []


def test_with_slow_fits_that_is_after_a_share_of_the_time_and_in_turn_with_new_params(
    make_scene, make_family
):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=200, slots=1, skill=skill, fit_s=all_its_time)
    scene.executor.seconds = 6.0  # so that few trials have no gain yet
    scene.search()
    (again,) = longer(scene)
    assert again.started_s > 0.15 * 200
    assert again.index < PATIENCE
    assert scene.ledger.trials[again.index + 1].spec.source == "sampler"


def test_more_time_that_changes_nothing_ends_after_one_fold(make_scene, make_family):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=20, slots=1, answer=same_predictions, fit_s=all_its_time)
    scene.search()
    (copy,) = longer(scene)
    assert copy.state is TrialState.PRUNED
    assert list(copy.results) == [0]


def test_members_of_a_family_that_may_not_have_more_trials_are_left_as_they_are(
    make_scene, make_family
):
    scene = make_scene(
        [make_family("a", portfolio=[{"x": BEST}]), make_family("b")],
        time_s=20,
        slots=1,
        skill=skill,
        fit_s=all_its_time,
        model={"a": {"max_trials": 3}},
    )
    scene.search()
    assert len(scene.ledger.of_family("a")) == 3


def test_with_a_number_of_trials_no_params_are_fitted_again(make_scene, make_family):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], trials=40, skill=skill, fit_s=lambda job: 1e3)
    scene.search()
    assert len(scene.ledger.trials) == 40
    assert not longer(scene)


def test_a_family_that_cannot_catch_up_gets_no_trials_while_the_leader_has_untried_params(
    make_scene, make_family
):
    def far_behind(job):
        return 0.9 if job.spec.family == "a" else 0.05

    scene = make_scene([make_family("a"), make_family("b")], time_s=40, slots=1, skill=far_behind)
    scene.search()
    n_trials = {name: len(scene.ledger.of_family(name)) for name in "ab"}
    assert n_trials["b"] <= PATIENCE + 1
    assert n_trials["a"] > 3 * PATIENCE


def test_a_search_may_stop_once_it_gains_nothing(make_scene, make_family):
    config = SearchConfig()
    config.search.stop_early = True
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=60, slots=1, folds=2, skill=skill, config=config)
    scene.search()
    assert scene.controller.stopped_by == "no more gains"
    assert 0.3 * 60 < scene.budget.elapsed_s < 0.9 * 60


def test_otherwise_it_uses_its_time(make_scene, make_family):
    family = make_family("a", portfolio=[{"x": BEST}])
    scene = make_scene([family], time_s=20, slots=1, folds=2, skill=skill)
    scene.search()
    assert scene.controller.stopped_by == "time"
    assert scene.budget.elapsed_s > 0.9 * 20
