"""What is tried next, with nothing real but the rules: no process, a clock that stands still."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from automl.config.schema import SearchConfig
from automl.data.split.choose import ALL_ROWS
from automl.events import Note
from automl.plugin import Encoding
from automl.scheduling.executor import Reported
from automl.trial.spec import TrialSpec, TrialState
from automl.tuning.propose.proposer import MIN_GAIN, PATIENCE
from automl.tuning.trials.outcomes import SAME_FAILURES


def test_the_first_round_goes_by_priority(make_scene, make_family):
    families = [make_family("low", 10), make_family("high", 90), make_family("middle", 50)]
    scene = make_scene(families, trials=6, slots=1)
    scene.search()
    assert [name for name, _ in scene.params()][:3] == ["high", "middle", "low"]


def test_the_first_round_goes_by_priority_against_the_clock_too(make_scene, make_family):
    families = [make_family("low", 10), make_family("high", 90), make_family("middle", 50)]
    scene = make_scene(families, time_s=60, slots=7)
    for _ in range(7):  # three folds of each of the first two, and one of the third
        fit, _ = scene.dispatcher.next_fit(60)
        fit.trial.running.add(fit.fold)
    assert [name for name, _ in scene.params()][:3] == ["high", "middle", "low"]


def test_the_portfolio_comes_before_the_sampler_in_its_order(make_scene, make_family):
    values = (0.3, 0.9, 0.6)
    family = make_family("a", portfolio=[{"x": v} for v in values])
    scene = make_scene([family], trials=5)
    scene.search()
    assert [x for _, x in scene.params()][:3] == list(values)
    sources = [t.spec.source for t in scene.ledger.trials]
    assert sources == ["portfolio"] * 3 + ["sampler"] * 2


@pytest.mark.parametrize("trials", [1, 7, 8, 9, 17])
@pytest.mark.parametrize("slots", [1, 5])
def test_a_trial_budget_is_used_up_exactly(make_scene, make_family, trials, slots):
    scene = make_scene([make_family("a"), make_family("b")], trials=trials, slots=slots, folds=2)
    scene.search()
    assert len(scene.ledger.trials) == trials
    assert not scene.ledger.in_state(TrialState.RUNNING)
    assert scene.controller.stopped_by == "trials"


def outcome(scene):
    """All that a user sees of the trials."""
    return [
        (t.spec.trial_id, t.spec.params, t.state, t.loss, t.first_loss) for t in scene.ledger.trials
    ]


def uneven_skill(job):
    """Some folds of a trial are luckier than others: its rank depends on which are looked at."""
    luck = random.Random(f"{job.spec.trial_id}/{job.fold}").uniform(-0.05, 0.05)
    return min(max(job.spec.params["x"] + luck, 0.0), 1.0)


def reports_then_answer(scene, job):
    """Two reports, then the end; some fits fail, and not always on the same fold."""
    luck = random.Random(f"{job.spec.trial_id}-{job.fold}").random()
    score = 0.9 - 0.5 * uneven_skill(job)
    reports = [Reported(job.job_id, step, score) for step in (1, 2)]
    if luck < 0.15:
        return [*reports, scene.failed(job, message=f"x is {job.spec.params['x']}")]
    return [*reports, scene.done(job)]


@pytest.fixture(scope="module")
def expected():
    """What came out of the first search."""
    return {}


@settings(
    max_examples=9,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32), slots=st.sampled_from([1, 2, 8]))
def test_with_a_trial_budget_the_order_of_answers_changes_nothing(
    make_scene, make_family, expected, seed, slots
):
    rng = random.Random(seed)
    config = SearchConfig()
    config.ensemble.steps = 4
    scene = make_scene(
        [make_family("a", 60), make_family("b", 70), make_family("bag", 20, out_of_bag=True)],
        trials=28,
        slots=slots,
        config=config,
        answer=reports_then_answer,
        skill=uneven_skill,
        fit_s=lambda job: rng.uniform(0.01, 5),
    )
    scene.executor.choose = lambda jobs: rng.randrange(len(jobs))
    scene.executor.seconds = rng.uniform(0.01, 100)
    scene.search()
    found = outcome(scene)
    states = {state for _, _, state, *_ in found}
    assert len(found) == 28
    assert states == {TrialState.COMPLETE, TrialState.FAILED, TrialState.PRUNED}
    assert found == expected.setdefault("trials", found)
    weights = scene.incumbent.current.weights
    assert weights == expected.setdefault("weights", weights)


def test_another_seed_of_the_order_does_try_other_orders(make_scene, make_family):
    """The test above compares searches that did differ."""
    orders = []
    for seed in range(2):
        rng = random.Random(seed)
        scene = make_scene([make_family("a")], trials=8, slots=8)
        scene.executor.choose = lambda jobs, rng=rng: rng.randrange(len(jobs))
        done = []
        scene.executor.answer = lambda job, scene=scene, done=done: (
            done.append(job.job_id),
            scene.done(job),
        )[1]
        scene.search()
        orders.append(done)
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1])


def test_an_out_of_bag_family_is_fitted_once_where_rows_are_exchangeable(make_scene, make_family):
    scene = make_scene([make_family("bag", out_of_bag=True)], trials=1, folds=3)
    scene.search()
    assert [job.fold for job in scene.executor.submitted] == [ALL_ROWS]
    assert scene.ledger.trials[0].state is TrialState.COMPLETE


def test_an_out_of_bag_family_is_fitted_on_folds_where_groups_part_rows(make_scene, make_family):
    scene = make_scene([make_family("bag", out_of_bag=True)], trials=1, folds=3, group=True)
    scene.search()
    assert scene.plan.kind == "group"
    assert sorted(job.fold for job in scene.executor.submitted) == [0, 1, 2]


def test_an_out_of_bag_family_is_fitted_on_folds_where_its_view_uses_the_target(
    make_scene, make_family
):
    family = make_family("bag", portfolio=[{"x": 0.1}, {"x": 0.9}], out_of_bag=True)
    family.encoding = lambda params, problem: Encoding(
        generated=("target",) if params["x"] > 0.5 else ()
    )
    scene = make_scene([family], trials=2, folds=3)
    scene.search()
    assert [t.folds for t in scene.ledger.trials] == [(ALL_ROWS,), (0, 1, 2)]
    spec = scene.ledger.trials[1].spec
    assert scene.proposer.fit_times.folds_of(spec, done=[ALL_ROWS]) == (ALL_ROWS,)  # as on record


def test_a_family_gets_no_more_than_its_limit(make_scene, make_family):
    config = SearchConfig()
    config.search.max_trials_per_family = 3
    scene = make_scene(
        [make_family("a"), make_family("b")],
        trials=20,
        config=config,
        model={"b": {"max_trials": 1}},
    )
    scene.search()
    names = [name for name, _ in scene.params()]
    assert (names.count("a"), names.count("b")) == (3, 1)
    assert scene.controller.stopped_by == "exhausted"


def test_a_family_whose_space_is_used_up_leaves_the_search(make_scene, make_family):
    scene = make_scene(
        [make_family("small", choices=[0.1, 0.5, 0.9]), make_family("large")], trials=12
    )
    scene.search()
    small = sorted(x for name, x in scene.params() if name == "small")
    assert len(scene.ledger.trials) == 12
    assert small == sorted(set(small))
    assert set(small) <= {0.1, 0.5, 0.9}


def test_when_every_space_is_used_up_the_search_ends(make_scene, make_family):
    scene = make_scene([make_family("small", choices=[0.5, 0.9])], time_s=1000)
    scene.search()
    assert len(scene.ledger.trials) == 2
    assert scene.controller.stopped_by == "exhausted"


def test_three_failures_of_the_same_kind_end_a_family(make_scene, make_family):
    def answer(scene, job):
        return scene.failed(job) if job.spec.family == "bad" else scene.done(job)

    scene = make_scene(
        [make_family("bad", 90), make_family("good")], time_s=1000, slots=1, answer=answer
    )
    scene.executor.seconds = 10
    events = scene.search()
    n_bad = sum(name == "bad" for name, _ in scene.params())
    assert n_bad == SAME_FAILURES == 3
    assert "failed 3 times in the same way: no" in scene.proposer.stopped["bad"]
    notes = [e.message for e in events if isinstance(e, Note)]
    assert len(notes) == 1
    assert "family bad gets no more trials" in notes[0]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("exception", "ValueError: 12 rows of {n}, address 0x7f{n}, loss 1.{n}e-0{n}"),
        ("timeout", "killed after {n}.0 s"),
        ("oom", "{n} MiB of 100 MiB, {cause}"),
    ],
)
def test_failures_that_differ_in_numbers_only_are_the_same(make_scene, make_family, kind, message):
    causes = "abcdefghijk"

    def answer(scene, job):
        n = job.spec.number
        return scene.failed(job, kind, message.format(n=n, cause=causes[n]))

    scene = make_scene([make_family("bad")], time_s=1000, slots=1, answer=answer)
    events = scene.search()
    assert len(scene.ledger.trials) == SAME_FAILURES
    cause = message.format(n=2, cause="c")
    notes = [e.message for e in events if isinstance(e, Note)]
    assert notes == [f"family bad gets no more trials: it failed 3 times in the same way: {cause}"]


def test_failures_of_different_kinds_end_no_family(make_scene, make_family):
    causes = iter("abcdefghi")

    def answer(scene, job):
        return scene.failed(job, message=f"cause {next(causes)}")

    scene = make_scene([make_family("bad")], trials=9, answer=answer)
    scene.search()
    assert len(scene.ledger.trials) == 9
    assert not scene.proposer.stopped


def test_a_family_that_adds_nothing_waits_until_devices_would_idle(make_scene, make_family):
    """The dull one wins the bandit but adds nothing to the ensemble: patience ends."""
    scene = make_scene([make_family("dull"), make_family("other")], time_s=600, slots=1)
    for _ in range(PATIENCE + 1):
        (trial,) = scene.proposer.propose(600)
        while trial.spec.family != "dull":
            trial.gain, trial.first_loss, trial.state = 0.5, 0.6, TrialState.COMPLETE
            (trial,) = scene.proposer.propose(600)
        trial.gain, trial.first_loss, trial.state = 0.0, 0.1, TrialState.COMPLETE
        if trial.index == 0:
            trial.gain = None
        if scene.ledger.trials_since_gain("dull", MIN_GAIN) >= PATIENCE:
            break
    assert scene.ledger.trials_since_gain("dull", MIN_GAIN) == PATIENCE
    for _ in range(4):
        (trial,) = scene.proposer.propose(600)
        assert trial.spec.family == "other"
        trial.gain, trial.first_loss, trial.state = 0.5, 0.6, TrialState.COMPLETE
    while scene.ledger.trials_since_gain("other", MIN_GAIN) < PATIENCE:
        (trial,) = scene.proposer.propose(600)
        assert trial.spec.family == "other"
        trial.gain, trial.first_loss, trial.state = 0.0, 0.6, TrialState.COMPLETE
    assert scene.proposer.propose(600) == []
    (trial,) = scene.proposer.propose(600, idle=True)
    assert trial.spec.family == "dull"


def test_a_family_whose_search_space_fails_is_stopped_and_the_others_go_on(make_scene, make_family):
    class Broken(type(make_family("any"))):
        def search_space(self, suggest, problem):
            raise LookupError("no such table")

    scene = make_scene([Broken("broken", 90), make_family("good")], trials=3, slots=1)
    events = scene.search()

    assert {name for name, _ in scene.params()} == {"good"}
    notes = [e.message for e in events if isinstance(e, Note)]
    assert len(notes) == 1
    assert "LookupError: no such table" in notes[0]


def short_of_memory(limit):
    """Fits with an x above a limit hold too much; no two by the same numbers."""

    def answer(scene, job):
        if job.spec.params["x"] > limit:
            return scene.failed(job, "oom", f"{job.spec.params['x']} GiB: too much")
        return scene.done(job)

    return answer


def test_a_family_that_never_has_enough_memory_is_stopped_after_three(make_scene, make_family):
    scene = make_scene(
        [make_family("hog"), make_family("good", choices=[0.1, 0.3, 0.5])],
        time_s=600,
        slots=1,
        answer=lambda scene, job: short_of_memory(-1.0 if job.spec.family == "hog" else 2.0)(
            scene, job
        ),
    )
    scene.search()
    assert len(scene.ledger.of_family("hog")) == SAME_FAILURES
    assert "3 times in the same way" in scene.proposer.stopped["hog"]
    assert "good" not in scene.proposer.stopped


@pytest.mark.parametrize("kind", ["oom", "cuda_oom", "memory"])
def test_a_trial_out_of_memory_is_failed_and_its_region_is_told(make_scene, make_family, kind):
    def answer(scene, job):
        if job.spec.number % 2:
            return scene.failed(job, kind, f"{job.spec.number} GiB")
        return scene.done(job)

    scene = make_scene([make_family("a")], trials=16, slots=2, answer=answer)
    scene.search()
    failed = scene.ledger.in_state(TrialState.FAILED)
    assert len(scene.ledger.trials) == 16
    assert len(failed) == 8
    assert not scene.proposer.stopped
    study = scene.proposer.studies["a"].study
    values = [t.value for t in study.trials]
    worst = [max(v for v in values[: k + 1] if v is not None) for k in range(16)]
    assert [values[k] for k in range(1, 16, 2)] == worst[1::2]


@pytest.mark.parametrize("slots", [1, 5])
def test_trials_out_of_memory_leave_a_trial_budget_reproducible(make_scene, make_family, slots):
    def run(slots):
        scene = make_scene(
            [make_family("a"), make_family("b")],
            trials=24,
            slots=slots,
            answer=short_of_memory(0.6),
        )
        scene.search()
        return outcome(scene)

    assert run(slots) == run(2)


@pytest.mark.parametrize("objectives", [["score"], ["score", "predict_ms"]])
def test_a_faster_trial_that_gains_nothing_goes_on_where_time_is_an_objective(
    make_scene, make_family, objectives
):
    config = SearchConfig()
    config.search.objectives = objectives
    speeds = {0.9: 5.0, 0.8: 5.0, 0.2: 1.0, 0.1: 5.0}
    scene = make_scene(
        [make_family("a", portfolio=[{"x": x} for x in speeds])],
        config=config,
        time_s=600.0,
        slots=1,
        fit_s=lambda job: 100.0,
        predict_ms=lambda job: speeds.get(job.spec.params["x"], 5.0),
    )
    trials = scene.ledger.trials
    for _ in scene.controller.events():
        if sum(bool(t.results) for t in trials) >= len(speeds):
            break
    promoted = {t.spec.params["x"]: t.promoted for t in trials[: len(speeds)]}
    assert promoted == {0.9: True, 0.8: True, 0.2: len(objectives) > 1, 0.1: False}


@pytest.mark.parametrize(("kind", "is_newest"), [("time", True), ("group", False)])
def test_a_trial_in_order_of_time_costs_what_its_newest_model_does(
    make_scene, make_family, kind, is_newest
):
    scene = make_scene([make_family("a")])
    costs = scene.proposer.fit_times
    by_plan = replace(costs, plan=replace(costs.plan, kind=kind))
    assert by_plan.new_trial(TrialSpec("a", 0, {}), 0).ships_newest is is_newest
