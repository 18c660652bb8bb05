"""Which fit a free device gets."""

from itertools import pairwise

import pytest

from automl.scheduling.devices.pool import Gpu
from automl.trial.spec import FoldResult, TrialState


def started(scene, fit):
    """What the controller notes when it starts a fit."""
    fit.trial.running.add(fit.fold)
    return fit.trial.spec.trial_id, fit.fold


def finish(scene, fit, score=-0.5, fit_s=1.0):
    """What the controller notes when a fit is done."""
    fit.trial.running.discard(fit.fold)
    fit.trial.results[fit.fold] = FoldResult(fit.fold, score, fit_s, 0.0)
    scene.executor.pool.release(fit.lease)


def all_started(scene, search_left_s=100.0):
    """Starts fits until no more can be."""
    fits = []
    while (fit := scene.dispatcher.next_fit(search_left_s)[0]) is not None:
        started(scene, fit)
        fits.append(fit)
    return fits


def test_no_fit_is_started_beyond_the_devices(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=100, slots=2, folds=3)
    fits = all_started(scene)
    assert [(f.trial.spec.trial_id, f.fold) for f in fits] == [("a-0", 0), ("a-0", 1)]
    assert len(scene.ledger.trials) == 1


def test_folds_of_older_trials_come_before_new_trials(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=100, slots=2, folds=3)
    first, _ = all_started(scene)
    finish(scene, first)
    (next_fit,) = all_started(scene)
    assert (next_fit.trial.spec.trial_id, next_fit.fold) == ("a-0", 2)


def test_a_trial_that_is_not_promoted_gets_one_fold(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=100, slots=9, folds=3)
    fits = all_started(scene)
    folds = [(f.trial.spec.number, f.fold) for f in fits]
    assert folds == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (3, 0), (4, 0)]


def test_a_fit_that_is_not_expected_to_end_in_time_is_not_started(make_scene, make_family):
    scene = make_scene([make_family("slow")], time_s=100, slots=1, folds=3)
    (fit,) = all_started(scene, search_left_s=90)
    finish(scene, fit, fit_s=40)
    assert all_started(scene, search_left_s=39.9) == []
    assert [f.fold for f in all_started(scene, search_left_s=40.1)] == [1]


def test_a_trial_that_is_not_expected_to_end_in_time_is_not_proposed(make_scene, make_family):
    scene = make_scene(
        [make_family("slow", 90), make_family("quick", 10)], time_s=1000, slots=1, folds=2
    )
    for _ in range(4):  # both folds of both
        (fit,) = all_started(scene, search_left_s=900)
        finish(scene, fit, fit_s=100 if fit.trial.spec.family == "slow" else 1)
        if fit.trial.is_done:
            fit.trial.state = TrialState.COMPLETE
            fit.trial.first_loss = 0.1 if fit.trial.spec.family == "slow" else 0.5
    assert [name for name, _ in scene.params()] == ["slow", "quick"]
    (fit,) = all_started(scene, search_left_s=199)
    assert fit.trial.spec.family == "quick"
    finish(scene, fit)


def test_with_a_trial_budget_alone_time_stops_nothing(make_scene, make_family):
    scene = make_scene([make_family("slow")], trials=3, slots=1, folds=2)
    scene.fit_s = lambda job: 1e6
    scene.search()
    assert len(scene.ledger.in_state(TrialState.COMPLETE)) == 3


def test_a_trial_held_back_goes_on_only_when_nothing_better_can_be_done(make_scene, make_family):
    """Its first fold promised nothing: new trials come first, as long as there are any."""
    scene = make_scene([make_family("a", choices=[0.5, 0.7, 0.9])], time_s=1000, slots=1, folds=2)
    for _ in range(4):
        (fit,) = all_started(scene)
        finish(scene, fit)
        if fit.trial.is_done:
            fit.trial.state = TrialState.COMPLETE
    (held,) = all_started(scene)
    assert (held.trial.index, held.fold) == (2, 0)
    held.trial.gain = -0.1
    finish(scene, held)
    assert not held.trial.ready
    (fit,) = all_started(scene)
    assert (fit.trial, fit.fold) == (held.trial, 1)


def test_a_family_that_wants_more_cores_waits_for_them_and_others_pass(make_scene, make_family):
    scene = make_scene(
        [make_family("wide", 90, n_cpus=2), make_family("thin", 10)], time_s=1000, slots=2, folds=1
    )
    (wide,) = all_started(scene)
    assert wide.trial.spec.family == "wide"
    assert wide.lease.n_cpus == 2
    finish(scene, wide)
    wide.trial.state = TrialState.COMPLETE
    (thin, *_) = all_started(scene)
    assert thin.trial.spec.family == "thin"
    assert thin.lease.n_cpus == 1


@pytest.mark.parametrize("time_s", [None, 100])
def test_a_job_carries_its_seed_and_its_limits(make_scene, make_family, time_s):
    scene = make_scene([make_family("a")], trials=2, time_s=time_s, slots=1, folds=2)
    fits = []
    for _ in range(2):
        (fit,) = all_started(scene)
        fits += scene.dispatcher.jobs(fit, scene.budget.search_left_s())
        finish(scene, fit)
    one, two = fits
    assert (one.fold, two.fold) == (0, 1)
    assert one.seed != two.seed
    assert one.n_threads == 1
    assert one.device == "cpu"
    if time_s is None:
        assert one.time_limit_s is None
        assert (one.deadline_s, one.encode_limit_s, one.end_s) == (None, None, None)
    else:
        assert 0 < one.time_limit_s < one.deadline_s < one.end_s < 100
        assert one.encode_limit_s is None


def test_what_encoding_took_limits_what_it_may_take(make_scene, make_family):
    scene = make_scene([make_family("a")], trials=2, time_s=100, slots=1, folds=2)
    (fit,) = all_started(scene)
    fit.trial.results[0] = FoldResult(0, 0.5, fit_s=1.0, predict_s=0.0, encode_s=40.0)
    (job,) = scene.dispatcher.jobs(fit, 60.0)
    assert (job.encode_limit_s, job.end_s) == (400.0, 60.0)
    (late,) = scene.dispatcher.jobs(fit, -1.0)
    assert late.end_s == 0.0


def test_a_fit_that_lacks_memory_waits_and_is_not_overtaken(make_scene, make_family):
    scene = make_scene(
        [make_family("small", 90, ram_gib=1.0), make_family("large", 10, ram_gib=7.5)],
        time_s=1000,
        slots=3,
        folds=1,
        memory_gib=8.0,
    )
    (small,) = all_started(scene)
    assert small.trial.spec.family == "small"
    large = scene.ledger.trials[1]
    assert large.spec.family == "large"
    assert large.ready == [0]
    assert all_started(scene) == []  # neither the large one nor smaller ones that could go ahead
    assert len(scene.ledger.trials) == 2
    finish(scene, small)
    assert all_started(scene)[0].trial is large


def test_a_fit_that_declares_more_memory_than_there_is_runs_alone(make_scene, make_family):
    scene = make_scene(
        [make_family("giant", ram_gib=50.0)], time_s=1000, slots=3, folds=3, memory_gib=8.0
    )
    for fold in range(3):
        (fit,) = all_started(scene)
        assert (fit.trial.index, fit.fold) == (0, fold)
        finish(scene, fit)


@pytest.mark.parametrize("budget", [{"trials": 6}, {"time_s": 60}])
def test_declared_memory_keeps_no_search_from_its_end(make_scene, make_family, budget):
    families = [make_family("a", ram_gib=0.1), make_family("b", ram_gib=5.0)]
    scene = make_scene([*families, make_family("c", ram_gib=50.0)], memory_gib=8.0, **budget)
    scene.executor.seconds = 0.5
    scene.search()
    complete = {t.spec.family for t in scene.ledger.in_state(TrialState.COMPLETE)}
    assert complete == {"a", "b", "c"}


def card(vram_gib=16.0):
    return [Gpu(0, vram_gib=vram_gib)]


def test_cpu_families_run_on_the_cores_while_nets_hold_the_gpus(make_scene, make_family):
    """One net at a time goes on the GPU; no further ones are proposed just to wait."""
    scene = make_scene(
        [make_family("net", 90, n_gpus=1.0), make_family("tree", 10)],
        time_s=1000,
        slots=4,
        folds=1,
        gpus=card(),
    )
    fits = all_started(scene, 900.0)
    assert [f.trial.spec.family for f in fits] == ["net", "tree", "tree", "tree"]
    for _ in range(10):  # the GPU stays busy
        done = next(f for f in fits if f.trial.spec.family == "tree")
        fits.remove(done)
        finish(scene, done)
        done.trial.state = TrialState.COMPLETE
        fits += all_started(scene, 900.0)
        assert sorted(f.trial.spec.family for f in fits) == ["net", "tree", "tree", "tree"]
    assert len(scene.ledger.of_family("net")) == 1


def test_with_a_trial_budget_nets_that_wait_leave_the_cores_to_others(make_scene, make_family):
    families = [make_family("net", 60, n_gpus=1.0), make_family("tree", 50)]
    scene = make_scene(families, trials=8, slots=4, folds=1, gpus=card())
    started_now = [f.trial.spec.family for f in all_started(scene)]
    assert started_now.count("net") == 1
    assert started_now.count("tree") == 3
    assert len(scene.ledger.of_family("net")) > 1


def test_a_fit_for_the_gpu_gets_the_core_that_is_free(make_scene, make_family):
    scene = make_scene(
        [make_family("tree", 90), make_family("net", 10, n_gpus=1.0)],
        trials=8,
        slots=1,
        folds=2,
        gpus=card(),
    )
    (fit,) = all_started(scene)
    assert fit.trial.spec.family == "net"


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("gpus", [[], card(2.0), [*card(), Gpu(1)]])
def test_with_a_trial_budget_params_do_not_depend_on_the_devices(
    make_scene, make_family, slots, gpus
):
    def search(slots, gpus):
        families = [make_family("net", 90, n_gpus=0.5, vram_gib=1.5), make_family("tree", 10)]
        scene = make_scene(families, trials=20, slots=slots, gpus=gpus)
        scene.search()
        return scene.params()

    assert search(slots, gpus) == search(2, [])


def held(fit, ram_mib=0.0, vram_mib=0.0):
    return FoldResult(fit.fold, -0.5, 1.0, 0.0, peak_rss_mib=ram_mib, peak_vram_mib=vram_mib)


def test_later_fits_are_placed_by_what_fits_of_the_family_held(make_scene, make_family):
    scene = make_scene(
        [make_family("net", n_gpus=0.1, vram_gib=9.0)], time_s=1000, slots=4, gpus=card(16.0)
    )
    (first,) = all_started(scene)  # as declared one goes on the card
    assert first.lease.vram_gib == 9.0
    finish(scene, first)
    first.trial.results[first.fold] = held(first, vram_mib=4 * 1024 / 1.2)
    fits = all_started(scene)
    assert [f.lease.vram_gib for f in fits] == pytest.approx([4.0] * 4)


def test_measured_memory_replaces_what_was_declared(make_scene, make_family):
    scene = make_scene([make_family("a", ram_gib=3.0)], time_s=1000, slots=4, memory_gib=8.0)
    first, second = all_started(scene)
    finish(scene, first)
    first.trial.results[first.fold] = held(first, ram_mib=1024 / 1.2)
    fits = all_started(scene)
    assert [f.lease.ram_gib for f in fits] == pytest.approx([1.0] * 3)
    assert second.lease.ram_gib == 3.0


def test_a_trial_that_is_held_up_says_once_what_it_waits_for(make_scene, make_family, clock):
    scene = make_scene(
        [make_family("net", n_gpus=0.25, vram_gib=9.0)], trials=8, slots=4, folds=1, gpus=card(11.0)
    )
    all_started(scene)
    said = []
    for _ in range(1000):
        clock.now += 0.2
        said += [(clock.now, text) for text in scene.dispatcher.notes()]
    times, texts = zip(*said, strict=True)
    why = "waits for 9.0 GiB on a GPU: GPU 0 has 2.0 GiB free (net-0 holds 9.0)"
    assert texts == (f"net-1 {why}", f"net-2 {why}", f"net-3 {why}")
    assert times[0] - 1000.0 == pytest.approx(60.0, abs=0.5)
    assert all(b - a >= 60.0 for a, b in pairwise(times))


def test_a_trial_of_which_a_fit_runs_is_not_held_up(make_scene, make_family, clock):
    scene = make_scene([make_family("a")], time_s=1000, slots=1, folds=3)
    all_started(scene)
    for _ in range(10):
        clock.now += 30.0
        assert scene.dispatcher.notes() == []
