"""The loop under an executor that may answer anything at any moment, as a state machine."""

import random
import shutil
import sys
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from automl.config.schema import PrunerConfig, SearchConfig
from automl.errors import StorageError
from automl.events import Progress, TrialFinished
from automl.scheduling.devices.pool import Gpu
from automl.scheduling.executor import Pruned, Reported, StorageFull
from automl.store.files import write_json
from automl.trial.records import read_record, read_records
from automl.trial.spec import CUT_SHORT, TrialState

TRIALS = 16  # two generations: the second is pruned by the first
GOOD_THEN_BAD = (0.9, 0.88, 0.91, 0.89, 0.9, 0.1, 0.92, 0.05, 0.2, 0.93)
FAILING = ("a-6", "a-9", "net-1")
POLL_S = 0.25  # more than the loop's tick, and a sum of such has no rounding error
MOST_POLLS = 600
SPENT = {"trials", "time", "exhausted", "interrupt"}

# One answer of an executor: which of the running jobs, and what happens to it.
WAYS = ("report", "end", "end", "end", "obey", "lost", "crowded")
PICKS = st.lists(st.tuples(st.integers(0, 7), st.sampled_from(WAYS)), max_size=4)
FAILURES = ("exception", "crash", "killed", "timeout", "oom", "memory", "cuda_oom")


def luck(trial_id, fold):
    return random.Random(f"{trial_id}-{fold}").random()


def fails(trial_id, fold):
    """Whether this fit fails whenever it is made: two of a trial, the first of which ends it."""
    return trial_id in FAILING and fold > 0


class Search(RuleBasedStateMachine):
    """A search with a number of trials, each fit of which ends in one way however often it is made.

    What is drawn is the rest: which jobs answer in a turn of the loop and in which order, whether
    they report before, lose their worker or the memory that others take, when the user interrupts,
    the disk is full, or the process is killed.
    """

    make_scene = make_families = expected = None  # given by the test

    @initialize(slots=st.integers(1, 4))
    def begin(self, slots):
        self.set_up(slots, {"trials": TRIALS})

    # ------------------------------------------------------------------ what may happen

    @rule(picks=PICKS)
    def answer(self, picks):
        self.script = self.answers(picks)
        self.go_on()

    @precondition(lambda self: self.scene.executor.running)
    @rule(place=st.integers(0, 7))
    def fill_disk(self, place):
        jobs = list(self.scene.executor.running)
        self.script = [StorageFull(jobs[place % len(jobs)], "no space")]
        with pytest.raises(StorageError, match="no space"):
            self.go_on()
        self.open(resumed=True)

    @rule(picks=PICKS)
    def interrupt(self, picks):
        self.scene.interrupted[0], self.script = True, self.answers(picks)
        for event in self.events:
            self.take(event)
        self.check_end()
        self.open(resumed=True)

    @rule(
        picks=PICKS,
        n_events=st.integers(0, 6),
    )
    def kill(self, picks, n_events):
        """The process is gone between two events, with what its workers had not yet told."""
        self.script = self.answers(picks)
        for event, _ in zip(self.events, range(n_events), strict=False):
            self.take(event)
        self.open(resumed=True)

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def a_job_that_runs_is_known_once_and_holds_its_lease(self):
        executor, runner = self.scene.executor, self.scene.controller.runner
        running = set(executor.running)
        assert set(runner.running) == running | {end.job_id for end in executor.untold}
        for trial in self.scene.ledger.trials:
            own = {key.fold for key in runner.running if key.trial_id == trial.spec.trial_id}
            assert trial.running == own, trial.spec.trial_id
        held = {id(lease): lease for _, lease in executor.running.values()}
        assert Counter(executor.pool.leases) == Counter(held.values())

    @invariant()
    def a_trial_that_is_over_stays_as_it_was(self):
        for trial_id, record in self.over.items():
            trial = self.scene.ledger.find(trial_id)
            assert trial.state is not TrialState.RUNNING, trial_id
            assert self.record_of(trial_id) == record, trial_id

    @invariant()
    def every_trial_is_counted_once(self):
        ledger = self.scene.ledger
        states = Counter(trial.state for trial in ledger.trials)
        counts = ledger.counts(self.scene.controller.families).values()
        assert sum(c.failed for c in counts) == states[TrialState.FAILED]
        assert sum(n for _, n in ledger.failures()) == states[TrialState.FAILED]
        assert sum(c.complete for c in counts) == states[TrialState.COMPLETE]
        whole = sum(c.complete + c.running + c.pruned + c.cut + c.failed for c in counts)
        assert whole == len(ledger.trials)
        for trial in ledger.in_state(TrialState.FAILED):
            assert self.may_fail(trial), f"{trial.spec.trial_id} has failed without a failure"
        ids = [trial.spec.trial_id for trial in ledger.trials]
        assert ids == list(dict.fromkeys(ids))

    def teardown(self):
        if hasattr(self, "scene"):
            if sys.exc_info()[0] is None:
                self.finish()
            shutil.rmtree(self.scene.run.path)

    # ------------------------------------------------------------------ how it is done

    def set_up(self, slots, budget):
        self.slots, self.budget, self.over = slots, budget, {}
        self.open()

    def open(self, resumed=False):
        """A new search, or what takes up the one that there was, up to its first wait."""
        if resumed:
            records = read_records(self.scene.run)
            ended = [r.trial_id for r in records if r.state is not TrialState.RUNNING]
            cut = {r.trial_id for r in records if r.error and r.error.kind in CUT_SHORT}
            self.over = {i: self.record_of(i) for i in ended if i not in cut}
        self.scene = self.make(self.scene if resumed else None)
        executor, controller = self.scene.executor, self.scene.controller
        executor.seconds, executor.turn = POLL_S, self.turn
        self.script, self.told, self.finished, self.n_known = [], Counter(), Counter(), 0
        self.events = events_of(controller, is_new=not resumed)
        self.go_on()

    def make(self, killed):
        scene = self.make_scene(
            self.make_families(),
            slots=self.slots,
            gpus=[Gpu(0, vram_gib=16.0)],
            config=SearchConfig(pruner=PrunerConfig("median")),
            killed=killed,
            **self.budget,
        )
        if killed is None:
            write_json(scene.run.manifest, {})
        return scene

    def turn(self):
        """All that a poll tells: what was drawn for it."""
        script, self.script = self.script, []
        return script

    def go_on(self):
        """Runs the loop until it is about to wait for answers, or is over."""
        for event in self.events:
            self.take(event)
            if isinstance(event, Progress) and event.stage == "searching":
                self.check_submitted()
                return
        self.check_end()

    def take(self, event):
        if not isinstance(event, TrialFinished):
            return
        assert event.trial not in self.over, f"{event.trial} has ended twice"
        trial = self.scene.ledger.find(event.trial)
        assert not trial.running
        assert trial.state.value == event.state
        self.finished[event.trial] += 1
        self.over[event.trial] = self.record_of(event.trial)

    def check_submitted(self):
        """No fit of a trial that is over is begun."""
        submitted = self.scene.executor.submitted
        for job in submitted[self.n_known :]:
            assert job.spec.trial_id not in self.over
        self.n_known = len(submitted)

    def check_end(self):
        scene = self.scene
        assert scene.controller.stopped_by in SPENT
        assert not scene.executor.running
        assert not scene.executor.pool.leases
        assert set(self.finished.values()) <= {1}
        records = {record.trial_id: record for record in read_records(scene.run)}
        assert list(records) == [trial.spec.trial_id for trial in scene.ledger.trials]
        for trial in scene.ledger.trials:
            assert trial.spec.trial_id in self.over, f"{trial.spec.trial_id} has not ended"
            assert records[trial.spec.trial_id].state is trial.state

    def record_of(self, trial_id):
        return read_record(self.scene.run, trial_id)

    def answers(self, picks):
        """What the executor tells of the jobs that were picked, each of which runs."""
        jobs = [job for job, _ in self.scene.executor.running.values()]
        script, ended = [], set()
        for place, way in picks:
            job = jobs[place % len(jobs)] if jobs else None
            if job is None or job.job_id in ended:
                continue
            events = self.happening(job, way)
            script += events
            if not isinstance(events[-1], Reported):
                ended.add(job.job_id)
                self.told.pop(job.job_id, None)
        return script

    def happening(self, job, way):
        key, scene = job.job_id, self.scene
        trial = scene.ledger.find(key.trial_id)
        if way == "lost" and self.may_lose(key):
            return [scene.failed(job, "killed", "SIGKILL")]
        may_retry = trial.spec.family == "net" and key.fold not in trial.solo_folds
        if way == "crowded" and may_retry:
            return [scene.failed(job, "cuda_oom", "no memory")]
        if way == "obey" and key in scene.executor.to_prune:
            return [Pruned(key, self.told[key])]
        return self.outcome(job, at_once=way != "report")

    def outcome(self, job, at_once):
        """The next report of a fit, or all that are left and its end."""
        key = job.job_id
        n_reports = 2 if luck(key.trial_id, key.fold) < 0.8 else 0
        score = 1.5 - job.spec.params["x"]
        reports = [Reported(key, step, score) for step in range(1, n_reports + 1)]
        left = reports[self.told[key] :]
        if left and not at_once:
            self.told[key] += 1
            return left[:1]
        if fails(key.trial_id, key.fold):
            return [*left, self.scene.failed(job, message=f"{key} fails")]
        done = self.scene.done(job)
        steps = tuple((report.step, report.score) for report in reports)
        return [*left, replace(done, result=replace(done.result, steps=steps))]

    def may_lose(self, key):
        return self.scene.controller.runner.losses.get(key, 0) < 2

    def may_fail(self, trial):
        return any(fails(trial.spec.trial_id, fold) for fold in trial.folds)

    def finish(self):
        """Lets all fits end, oldest first, until the search is over."""
        for _ in range(MOST_POLLS):
            if self.scene.controller.stopped_by:
                break
            n_running = len(self.scene.executor.running)
            self.script = self.answers([(place, "end") for place in range(n_running)])
            self.go_on()
        assert self.scene.controller.stopped_by, "the search does not end"
        if self.expected is not None:
            for own, other in zip(outcome_of(self.scene), self.expected, strict=True):
                assert own == other


class AnySearch(Search):
    """A search by trials or by time in which fits also fail in any way, again and again."""

    @initialize(slots=st.integers(1, 4), time_s=st.sampled_from([None, 6.0]))
    def begin(self, slots, time_s):
        self.failed = set()
        self.set_up(slots, {"trials": TRIALS} if time_s is None else {"time_s": time_s})

    @precondition(lambda self: self.scene.executor.running)
    @rule(place=st.integers(0, 7), kind=st.sampled_from(FAILURES), together=st.booleans())
    def fail(self, place, kind, together):
        """A fit fails, or all that run do at once."""
        jobs = [job for job, _ in self.scene.executor.running.values()]
        chosen = jobs if together else [jobs[place % len(jobs)]]
        self.failed |= {job.spec.trial_id for job in chosen}
        for job in chosen:
            self.told.pop(job.job_id, None)
        self.script = [self.scene.failed(job, kind) for job in chosen]
        self.go_on()

    def may_fail(self, trial):
        return trial.spec.trial_id in self.failed or super().may_fail(trial)


def events_of(controller, is_new):
    if is_new:
        yield from controller.begin()
    yield from controller.events()


def outcome_of(scene):
    """What a user sees: trials with params, states and scores, and the members of the ensemble."""
    trials = [
        (r.index, r.trial_id, r.spec, r.state, r.score, r.score_se, r.error, r.stages)
        for r in read_records(scene.run)
    ]
    current = scene.incumbent.current
    return *trials, current and current.weights, scene.controller.stopped_by


BOUNDS = settings(
    max_examples=25,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],  # to explain a failure takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture
def bind(make_scene, make_family):
    """Gives a machine the searches that it drives."""

    def families():
        return [
            make_family("a", portfolio=[{"x": x} for x in GOOD_THEN_BAD]),
            make_family("net", 60, pack_size=3, n_gpus=0.25, vram_gib=1.0),
            make_family("c", 40, portfolio=[], choices=(0.4, 0.5), out_of_bag=True),
        ]

    def bind(machine):
        return type(
            machine.__name__,
            (machine,),
            {"make_scene": staticmethod(make_scene), "make_families": staticmethod(families)},
        )

    return bind


def test_in_whatever_order_fits_answer_a_search_ends_as_one_that_was_left_alone(bind):
    machine = bind(Search)
    alone = machine()
    alone.set_up(slots=1, budget={"trials": TRIALS})
    alone.finish()
    expected = outcome_of(alone.scene)
    assert {trial[3].value for trial in expected[:TRIALS]} == {"complete", "pruned", "failed"}
    machine.expected = expected
    run_state_machine_as_test(machine, settings=BOUNDS)


def test_whatever_fits_answer_each_trial_ends_once_and_no_lease_is_lost(bind):
    run_state_machine_as_test(bind(AnySearch), settings=BOUNDS)
