"""No rule for pruning loses a family because it learns slowly, or a trial because of luck.

Two families report learning curves: one is quick and ends at 0.80, one is slow and ends at 0.85,
which its reports alone do not show: at its last report it is still below 0.80. A rule that
compares steps between families stops the slow one.
"""

import math

import numpy as np
import pytest

from automl.config.schema import SearchConfig
from automl.scheduling.executor import Reported
from automl.trial.setup import derive_seed
from automl.trial.spec import TrialState
from automl.tuning.prune.rules import PRUNERS

STEPS = 8
CURVES = {"quick": (0.80, 1.9), "slow": (0.85, 0.3)}  # end, rate; 30 steps of 0.5 and 0.08
TRIALS = 24
FOLDS = 5
ALL = [p if p == "forgiving" else pytest.param(p, marks=pytest.mark.slow) for p in PRUNERS]


def loss_at(skill):
    """About the log loss of predictions of this skill."""
    return -math.log(0.5 + 0.45 * max(min(skill, 1.0), -1.0))


def configured(pruner, seed):
    config = SearchConfig(seed=seed)
    config.pruner.name = pruner
    config.sampler.name = "random"
    config.ensemble.enabled = False
    return config


def noise(spread, *parts):
    """The luck of one trial on one fold: the same each time it is asked for."""
    return float(np.random.default_rng(derive_seed(*parts)).normal(0, spread))


def reports(job, skill, rate):
    return [
        Reported(job.job_id, step, loss_at(skill * (1 - math.exp(-rate * (step + 1)))))
        for step in range(STEPS)
    ]


def learning(seed, curves):
    """What a fit answers: its learning curve, and its end; and how good that is.

    Folds differ in difficulty, by as much for all; a trial has a little luck of its own.
    """

    def skill(job):
        end, _ = curves[job.spec.family]
        hard = noise(0.04, seed, "fold", job.fold)
        return end + hard + noise(0.01, seed, job.spec.trial_id, job.fold)

    def answer(scene, job):
        if job.job_id in scene.executor.to_prune:
            return None
        _, rate = curves[job.spec.family]
        return [*reports(job, skill(job), rate), scene.done(job)]

    return {"skill": skill, "answer": answer}


def study(make_scene, make_family, pruner, seed, curves):
    families = [make_family(name, portfolio=[]) for name in curves]
    scene = make_scene(
        families,
        trials=TRIALS,
        folds=FOLDS,
        slots=4,
        config=configured(pruner, seed),
        **learning(seed, curves),
    )
    scene.search()
    return scene


@pytest.mark.parametrize("pruner", ALL)
def test_the_better_family_is_never_lost(make_scene, make_family, size, figure, pruner):
    n, lost, early, n_pruned = size(8, 100), 0, 0, {"quick": 0, "slow": 0}
    for seed in range(n):
        scene = study(make_scene, make_family, pruner, seed, CURVES)
        lost += scene.ledger.best().spec.family != "slow"
        for name in CURVES:
            states = [t.state for t in scene.ledger.of_family(name)]
            n_pruned[name] += states.count(TrialState.PRUNED)
            early += states.count(TrialState.COMPLETE) < 3
    figure(f"lost {lost} of {n} studies of {TRIALS} trials; pruned {n_pruned}")
    assert lost == 0
    assert early == 0
    if pruner == "none":
        assert n_pruned == {"quick": 0, "slow": 0}


@pytest.mark.parametrize("pruner", ALL)
def test_trials_that_are_equally_good_are_seldom_pruned(
    make_scene, make_family, size, figure, pruner
):
    n, n_pruned = size(8, 100), 0
    for seed in range(n):
        scene = study(make_scene, make_family, pruner, seed, {"same": (0.8, 1.9)})
        n_pruned += len(scene.ledger.in_state(TrialState.PRUNED))
    share = n_pruned / (n * TRIALS)
    figure(f"pruned {n_pruned} of {n * TRIALS} equal trials in {n} studies ({share:.1%})")
    assert share <= 0.05


@pytest.mark.parametrize("pruner", [name for name, rule in PRUNERS.items() if rule is not None])
def test_trials_that_are_worse_are_pruned(make_scene, make_family, size, figure, pruner):
    """Otherwise a rule that does nothing would pass."""
    n, n_pruned, n_worse = size(1, 20), 0, 0
    for seed in range(n):
        fit = learning(seed, {"mixed": (0.8, 1.9)})

        def skill(job, fit=fit):
            return fit["skill"](job) - (0.5 if job.spec.params["x"] < 0.5 else 0.0)

        scene = make_scene(
            [make_family("mixed", portfolio=[])],
            trials=TRIALS,
            folds=FOLDS,
            slots=4,
            config=configured(pruner, seed),
            skill=skill,
        )
        scene.search()
        worse = [t for t in scene.ledger.trials[8:] if t.spec.params["x"] < 0.5]
        n_pruned += sum(t.state is TrialState.PRUNED for t in worse)
        n_worse += len(worse)
    figure(f"pruned {n_pruned} of {n_worse} trials that are much worse, in {n} studies")
    assert n_pruned >= 0.4 * n_worse
