"""Which fits are trained together: what is proposed, what a device gets, what becomes of them."""

import math

import pytest

from automl.events import TrialFinished
from automl.scheduling.devices.pool import Gpu
from automl.trial.spec import FoldResult, TrialError, TrialSpec, TrialState
from automl.tuning.trials.outcomes import repeated_failure

CARD = [Gpu(0, vram_gib=16.0)]


def net(make_family, pack_size=4, **options):
    """A family of nets for a quarter of a GPU."""
    return make_family("net", pack_size=pack_size, n_gpus=0.25, vram_gib=1.0, **options)


def taken(scene, search_left_s=1000.0):
    """The folds of the next fit as (trial, fold), or nothing."""
    fit, _ = scene.dispatcher.next_fit(search_left_s)
    if fit is None:
        return []
    for trial, fold in fit.pack_of:
        trial.running.add(fold)
    return [(trial.spec.trial_id, fold) for trial, fold in fit.pack_of]


def everything(numbers, folds=3):
    return sorted((f"net-{n}", fold) for n in numbers for fold in range(folds))


@pytest.mark.parametrize("options", [{"trials": 8}, {"time_s": 100.0}])
def test_on_a_gpu_params_are_proposed_together_and_all_their_folds_fitted_at_once(
    make_scene, make_family, options
):
    scene = make_scene([net(make_family)], gpus=CARD, slots=3, **options)
    assert sorted(taken(scene)) == everything(range(4))
    (lease,) = scene.executor.pool.leases
    assert lease.share == 1.0


def test_the_cores_are_for_others_meanwhile(make_scene, make_family):
    families = [net(make_family, priority=90), make_family("tree")]
    scene = make_scene(families, gpus=CARD, slots=3, time_s=100.0)
    assert len(taken(scene)) == 12
    assert taken(scene) == [("tree-0", 0)]


def test_one_who_waits_for_a_whole_gpu_is_not_overtaken_by_those_for_a_part(
    make_scene, make_family
):
    families = [make_family("small", 90, n_gpus=0.25, vram_gib=1.0), net(make_family, priority=80)]
    scene = make_scene(families, gpus=CARD, slots=9, time_s=100.0, folds=2)
    assert taken(scene) == [("small-0", 0)]
    assert taken(scene) == [("small-0", 1)]
    assert taken(scene) == []  # of the nets, which have been proposed now
    assert {t.spec.family for t in scene.ledger.trials} == {"small", "net"}
    assert taken(scene) == []
    for lease in list(scene.executor.pool.leases):
        scene.executor.pool.release(lease)
    assert {name for name, _ in taken(scene)} == {"net-0", "net-1", "net-2", "net-3"}


def test_a_generation_and_a_budget_are_not_exceeded_by_mates(make_scene, make_family):
    scene = make_scene([net(make_family, 6)], gpus=CARD, slots=2, trials=11)
    scene.search()
    assert len(scene.ledger.trials) == 11
    sizes = [len({job_id.trial_id for job_id in pack}) for pack in scene.executor.packs]
    assert sizes == [6, 2, 3]
    assert {t.state for t in scene.ledger.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}


def test_params_of_a_portfolio_that_do_not_go_together_are_packs_of_their_own(
    make_scene, make_family
):
    family = net(make_family, portfolio=[{"x": x} for x in (0.1, 0.2, 0.3)])
    family.split_into_packs = lambda params, problem: [[i] for i in range(len(params))]
    scene = make_scene([family], gpus=CARD, slots=2, trials=3)
    scene.search()
    assert [len(pack) for pack in scene.executor.packs] == [3, 3, 3]


def test_on_a_cpu_the_folds_that_a_trial_has_earned_are_a_pack(make_scene, make_family):
    scene = make_scene([make_family("net", pack_size=4)], slots=2, folds=5, time_s=1000.0)
    assert taken(scene) == [("net-0", 0)]
    assert taken(scene) == [("net-0", 1)]
    trial = scene.ledger.trials[0]
    for fold in (0, 1):
        trial.running.discard(fold)
        trial.results[fold] = FoldResult(fold, -0.5, fit_s=1.0, predict_s=0.0)
    scene.executor.pool.release(scene.executor.pool.leases[0])
    assert taken(scene) == [("net-0", 2), ("net-0", 3), ("net-0", 4)]
    assert {lease.n_cpus for lease in scene.executor.pool.leases} == {1}


def test_on_a_cpu_a_pack_holds_all_earned_folds_where_no_time_is_limited(make_scene, make_family):
    scene = make_scene([make_family("net", pack_size=4)], slots=2, folds=5)
    assert taken(scene, math.inf) == [("net-0", 0)]
    trial = scene.ledger.trials[0]
    trial.running.discard(0)
    trial.results[0] = FoldResult(0, -0.5, fit_s=1.0, predict_s=0.0)
    assert taken(scene, math.inf) == [("net-0", fold) for fold in (1, 2, 3, 4)]


def test_on_a_cpu_a_pack_is_over_soon(make_scene, make_family):
    scene = make_scene([make_family("net", pack_size=4)], slots=1, folds=5, time_s=1000.0)
    taken(scene)
    trial = scene.ledger.trials[0]
    trial.running.discard(0)
    trial.results[0] = FoldResult(0, -0.5, fit_s=10.0, predict_s=0.0)
    scene.executor.pool.release(scene.executor.pool.leases[0])
    assert taken(scene, search_left_s=200.0) == [("net-0", 1), ("net-0", 2)]


def test_on_a_cpu_nothing_is_packed_where_the_outcome_must_not_depend_on_the_slots(
    make_scene, make_family
):
    scene = make_scene([make_family("net", pack_size=4)], trials=3)
    scene.search()
    assert {len(pack) for pack in scene.executor.packs} == {1}


@pytest.mark.parametrize(("pack_size", "factor"), [(1, 1.0), (4, 2.0), (16, 30.0 / 12.5442)])
def test_a_pack_has_the_time_of_a_trial_and_more_for_more_trials(
    make_scene, make_family, pack_size, factor
):
    scene = make_scene([net(make_family, pack_size)], gpus=CARD, slots=2, time_s=100.0)
    fit, _ = scene.dispatcher.next_fit(90.0)
    jobs = scene.dispatcher.jobs(fit, 90.0)
    share = scene.dispatcher.fit_times.fair_share_s(fit.trial)
    (limit_s,) = {job.time_limit_s for job in jobs}
    assert limit_s == pytest.approx(3 * share * factor, rel=1e-4)
    assert len({job.seed for job in jobs}) == len(jobs) == 3 * pack_size


def test_the_share_of_a_fit_on_a_gpu_counts_gpus_and_not_cores(make_scene, make_family):
    families = [net(make_family), make_family("cnn", n_gpus=0.25), make_family("tree")]
    two_cards = [Gpu(index, vram_gib=16.0) for index in range(2)]
    scene = make_scene(families, gpus=two_cards, slots=16, time_s=100.0)
    fit_times, shares = scene.dispatcher.fit_times, {}
    for family in ("net", "cnn", "tree"):
        trial = fit_times.new_trial(TrialSpec(family, 0, {"x": 0.5}), 0)
        shares[family] = fit_times.fair_share_s(trial)
    per_slot = scene.budget.fair_share_s(1, 3)
    assert shares["net"] == pytest.approx(2 * per_slot)  # one pack on each card
    assert shares["cnn"] == pytest.approx(scene.budget.fair_share_s(8, 3))  # four on each
    assert shares["tree"] == pytest.approx(scene.budget.fair_share_s(16, 3))


def test_the_next_pack_is_expected_to_take_as_long_as_the_last_ones(make_scene, make_family):
    scene = make_scene([net(make_family)], gpus=CARD, slots=2, time_s=100.0)
    taken(scene)
    for trial in scene.ledger.trials:
        trial.running.clear()
        for fold in range(3):  # of a pack of 12 in 24 s
            trial.results[fold] = FoldResult(fold, -0.5, 2.0, 0.0, n_members=12)
    fit_times = scene.dispatcher.fit_times
    assert fit_times.next_job_s(scene.ledger.trials[0]) == 24.0
    assert fit_times.new_trial_fits("net", 24.0)
    assert not fit_times.new_trial_fits("net", 23.9)


def test_every_net_has_had_the_gpu_before_one_has_it_for_many_params(make_scene, make_family):
    families = [
        make_family(name, priority, pack_size=4, n_gpus=0.25, vram_gib=1.0)
        for name, priority in [("first", 90), ("second", 80), ("third", 70)]
    ]
    scene = make_scene(families, gpus=CARD, slots=2, time_s=1000.0)
    packs = []
    for _ in range(4):
        packs.append(taken(scene))
        (lease,) = scene.executor.pool.leases
        scene.executor.pool.release(lease)
        for trial in scene.ledger.trials:
            trial.running.clear()
            trial.results.update({f: FoldResult(f, -0.5, 1.0, 0.0) for f in range(3)})
            trial.state = TrialState.COMPLETE
    sizes = [len({trial for trial, _ in pack}) for pack in packs]
    assert sizes == [1, 1, 4, 4]
    assert [pack[0][0] for pack in packs[:3]] == ["first-0", "second-0", "third-0"]


def test_a_killed_pack_is_one_failure_of_its_family(make_scene, make_family):
    scene = make_scene([net(make_family)], gpus=CARD, slots=2, time_s=100.0)
    taken(scene)
    for trial in scene.ledger.trials:
        trial.running.clear()
        trial.condemn(TrialError("timeout", "killed after 10.0 s: it did not stop"))
        trial.finish(10.0)
    assert len(scene.ledger.trials) == 4
    last = scene.ledger.trials[-1]
    assert repeated_failure(last, scene.ledger.trials) is None
    for trial in scene.ledger.trials:
        trial.solo_folds.add(0)  # each has failed by itself, too
    assert repeated_failure(last, scene.ledger.trials) is not None


@pytest.mark.parametrize("kind", ["crash", "memory", "oom", "cuda_oom", "timeout"])
def test_what_went_down_with_its_pack_is_tried_again_alone(make_scene, make_family, kind):
    def answer(scene, job):
        pack = next(p for p in reversed(scene.executor.packs) if job.job_id in p)
        return scene.failed(job, kind) if len(pack) > 1 else scene.done(job)

    scene = make_scene([net(make_family, 2)], gpus=CARD, slots=2, trials=2, answer=answer)
    ended = [e for e in scene.search() if isinstance(e, TrialFinished)]
    assert [e.state for e in ended] == ["complete", "complete"]
    assert [len(pack) for pack in scene.executor.packs] == [6, *[1] * 6]


def test_the_error_of_a_member_is_its_own(make_scene, make_family):
    def answer(scene, job):
        return scene.failed(job) if job.spec.number == 1 else scene.done(job)

    scene = make_scene([net(make_family, 3)], gpus=CARD, slots=2, trials=3, answer=answer)
    ended = {e.trial: e.state for e in scene.search() if isinstance(e, TrialFinished)}
    assert ended == {"net-0": "complete", "net-1": "failed", "net-2": "complete"}


def test_what_fits_in_packs_held_says_nothing_of_single_ones(make_scene, make_family):
    scene = make_scene([net(make_family)], gpus=CARD, slots=2, trials=1)
    scene.search()
    (trial,) = scene.ledger.trials
    trial.results[0] = FoldResult(
        0, -0.5, 1.0, 0.0, peak_rss_mib=1e5, peak_vram_mib=1e5, n_members=12
    )
    assert scene.dispatcher.resources.estimate("net").vram_gib == 1.0
