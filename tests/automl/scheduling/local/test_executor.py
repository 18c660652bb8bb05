import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from automl.plugin import Resources
from automl.scheduling.devices.pool import DevicePool, Gpu
from automl.scheduling.executor import Done, Failed, Pruned, Reported, StorageFull
from automl.scheduling.local.executor import LocalExecutor
from automl.scheduling.local.launcher import ForkLauncher, SpawnLauncher
from automl.scheduling.thread_probe import ThreadProbe
from automl.store import RunDir
from automl.trial.spec import Job, JobKey, TrialError, TrialSpec
from tests.automl.scheduling.watched_launcher import WatchedLauncher

PATIENCE_S = 20.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.usefixtures("importable"),
]


class Forward:
    """The clock of the machine, put forward by hand."""

    def __init__(self):
        self.by_s = 0.0

    def __call__(self):
        return time.monotonic() + self.by_s


def wait_for(condition):
    patience = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < patience, "it did not happen"
        time.sleep(0.02)


class Runner:
    """An executor with two cores and one GPU that is there on paper only."""

    def __init__(self, setup, launcher):
        self.run = RunDir(Path(setup.run))
        self.launcher = launcher
        self.pool = DevicePool(2, (Gpu(3),), gpu_slots=2)
        setup = replace(setup, modules=("no_driver", *setup.modules))
        self.clock = Forward()
        self.executor = LocalExecutor(self.pool, launcher, self.clock)
        self.executor.open(setup)
        self._count = 0

    def submit(self, family, deadline_s=None, need=None, fold=0, **params):
        more = ("encode_limit_s", "end_s", "modules")
        limits = {k: params.pop(k) for k in more if k in params}
        (job_id,) = self.submit_pack(family, [params], deadline_s, need, fold, **limits)
        return job_id

    def submit_pack(
        self, family, members, deadline_s=None, need=None, fold=0, modules=frozenset(), **limits
    ):
        lease = self.executor.pool.lease(need or Resources())
        assert lease is not None
        jobs = []
        for params in members:
            self._count += 1
            job = Job(
                TrialSpec(family, self._count, params),
                fold=fold,
                seed=1,
                n_threads=lease.n_cpus,
                device=lease.device,
                deadline_s=deadline_s,
                **limits,
            )
            jobs.append(job)
        self.executor.submit(jobs, lease, modules)
        return [job.job_id for job in jobs]

    def until_all(self, job_ids):
        """Polls until all of some jobs are over; what was said of each."""
        said, patience = {}, time.monotonic() + PATIENCE_S
        while len(said) < len(job_ids) and time.monotonic() < patience:
            for happening in self.executor.poll(0.2):
                if not isinstance(happening, Reported):
                    said[happening.job_id] = happening
        return [said[job_id] for job_id in job_ids]

    def until(self, job_id, wanted=(Done, Failed, Pruned, StorageFull)):
        """Polls until a job says something of these kinds."""
        patience = time.monotonic() + PATIENCE_S
        while time.monotonic() < patience:
            for happening in self.executor.poll(0.2):
                if happening.job_id == job_id and isinstance(happening, wanted):
                    return happening
        raise AssertionError(f"nothing is heard of {job_id}")

    def fit(self, family, **options):
        return self.until(self.submit(family, **options))

    def worker(self, family, **options):
        """The worker that has fitted a family."""
        return self.launcher.worker_of[self.fit(family, **options).job_id]

    def error(self, family, **options):
        answer = self.fit(family, **options)
        assert isinstance(answer, Failed), answer
        return answer.error

    def good_score(self):
        answer = self.fit("good")
        assert isinstance(answer, Done), answer
        assert self.pool.free_cpus == 2
        return answer.result.score


@pytest.fixture(scope="module")
def launcher():
    sys.path.insert(0, str(Path(__file__).parents[1]))
    launcher = ForkLauncher()
    sys.path.pop(0)
    yield launcher
    launcher.close()


@pytest.fixture
def runner(prepared, launcher):
    watched = WatchedLauncher(launcher)
    yield Runner(prepared, watched)
    watched.kill_all()


@pytest.fixture(scope="module")
def score(prepared, launcher):
    """What the good family scores on a fresh worker."""
    return Runner(prepared, launcher).good_score()


@pytest.mark.parametrize(
    ("family", "kind", "message"),
    [
        ("raises", "exception", "ArithmeticError: the matrix is singular"),
        ("unspeakable", "exception", "SilentError (its text cannot be shown)"),
        ("surrogates", "exception", "ValueError: bad byte \\udce9"),
        ("exits", "crash", "the worker exited with status 3"),
        ("exits_quietly", "crash", "the worker exited with status 0"),
        ("segfaults", "crash", "the worker was killed by SIGSEGV"),
        ("real_time", "crash", f"the worker was killed by signal {signal.SIGRTMIN + 3}"),
        ("oom", "killed", "the worker was killed by SIGKILL"),
        ("system_exit", "exception", "SystemExit: I am leaving"),
        ("interrupt", "exception", "KeyboardInterrupt"),
        ("eof", "exception", "EOFError: the file ends in the middle"),
        ("broken_pipe", "exception", "BrokenPipeError: the helper is gone"),
        ("memory", "memory", "MemoryError: cannot allocate 1 TiB"),
        ("nan", "bad_prediction", "the prediction has 40 NaN or infinite values"),
        ("shape", "bad_prediction", "the prediction has shape (40, 3), expected (40, 2)"),
        ("reports_nan", "exception", "ValueError: the score reported at step 1 is nan"),
        ("save", "exception", "OSError: no space left on device"),
        (
            "missing",
            "exception",
            "family missing needs no_such_library_at_all, which is not installed: "
            "pip install 'automl-search[torch]'",
        ),
    ],
)
def test_a_failure_is_recorded_with_its_cause_and_harms_nobody(
    runner, score, family, kind, message
):
    error = runner.error(family)
    assert (error.kind, error.message) == (kind, message)
    assert runner.good_score() == score


def test_a_full_disk_is_no_failure_of_the_fit_that_met_it(runner):
    answer = runner.fit("fills_disk")
    assert isinstance(answer, StorageFull)
    assert "fold-0 cannot be written: no space is left on its disk (" in answer.why
    assert runner.pool.free_cpus == 2


def test_predictions_that_are_texts_are_recorded_as_such(runner, score):
    error = runner.error("strings")
    assert error.kind == "bad_prediction"
    assert "not an array of numbers" in error.message
    assert runner.good_score() == score


def test_the_traceback_leads_to_the_line_in_the_family(runner):
    assert "deep_inside" in runner.error("raises").traceback


def test_the_fold_of_a_failure_is_recorded(runner):
    assert runner.error("raises", fold=2).fold == 2


def test_all_that_a_failure_says_can_be_written_as_utf8(runner):
    error = runner.error("surrogates")
    assert (error.message + error.traceback).encode()


@pytest.mark.parametrize("family", ["sleeps", "spins", "deaf"])
def test_a_fit_past_its_deadline_is_killed_and_the_next_one_runs(runner, score, family, all_gone):
    job_id = runner.submit(family, deadline_s=6000.0)
    runner.until(job_id, Reported)
    runner.clock.by_s = 5000.0
    assert not [said for said in runner.executor.poll(0.0) if isinstance(said, Failed)]
    runner.clock.by_s = 6000.0
    (failed,) = [said for said in runner.executor.poll(0.0) if isinstance(said, Failed)]
    assert failed.error.kind == "timeout"
    assert failed.error.message == "killed after 6000.0 s: it did not stop at its deadline"
    all_gone([runner.launcher.worker_of[job_id].pid])
    assert runner.good_score() == score


def test_a_fit_that_talks_without_pause_keeps_no_other_waiting(runner, score):
    spinning = runner.submit("spins")
    answer = runner.fit("good")
    assert answer.result.score == score
    runner.executor.kill(spinning, TrialError("interrupted", "enough"))
    assert runner.until(spinning, Failed).error.message == "enough"


def test_one_poll_ends_though_a_worker_talks_faster_than_it_is_read(runner):
    class Torrent:
        def fileno(self):
            return connection.fileno()

        def poll(self):
            return True

        def recv(self):
            return report

    report = Reported(runner.submit("sleeps"), 1, 0.5)
    worker = runner.launcher.worker_of[report.job_id]
    connection = worker.connection
    assert connection.poll(PATIENCE_S)  # so that it is read
    worker.connection = Torrent()
    happenings = runner.executor.poll(0.0)
    worker.connection = connection
    assert len(happenings) > 1
    assert set(happenings) == {report}


def test_a_fit_stops_at_its_next_report_when_it_is_pruned(runner, score, tmp_path):
    reported, gate = tmp_path / "reported", tmp_path / "gate"
    job_id = runner.submit("gated", reported=str(reported), gate=str(gate))
    wait_for(reported.exists)  # a report that is not over yet may find the pruning too
    runner.executor.prune(job_id)
    gate.touch()
    assert runner.until(job_id) == Pruned(job_id, step=2)
    assert runner.good_score() == score


def test_a_fit_that_catches_the_pruning_is_told_again(runner):
    job_id = runner.submit("stubborn")
    runner.until(job_id, Reported)
    runner.executor.prune(job_id)
    assert isinstance(runner.until(job_id), Pruned)


def test_pruning_what_is_over_does_nothing(runner, score):
    job_id = runner.submit("good")
    runner.until(job_id)
    runner.executor.prune(job_id)
    assert runner.good_score() == score


def test_a_pruning_that_comes_too_late_does_not_hit_the_next_fit(runner, score):
    from automl.scheduling.local.messages import Prune

    worker = runner.worker("good")
    worker.connection.send(Prune(JobKey("good-1", 0)))
    assert runner.good_score() == score


def test_progress_carries_step_and_score(runner):
    job_id = runner.submit("stepper")
    first = runner.until(job_id, Reported)
    assert (first.step, first.score) == (1, 0.5)
    runner.executor.kill(job_id, TrialError("interrupted", "enough"))


def test_kill_gives_the_error_it_was_given_and_frees_the_devices(runner, score):
    job_id = runner.submit("sleeps")
    error = TrialError("interrupted", "the search was stopped")
    runner.executor.kill(job_id, error)
    assert runner.pool.free_cpus == 2
    assert runner.until(job_id).error == error
    assert runner.good_score() == score


def test_each_of_a_pack_is_answered_and_the_devices_come_back_with_the_last(runner, score):
    first, second, third = runner.submit_pack(
        "together", [{"do": d} for d in ("fit", "raise", "fit")]
    )
    assert runner.pool.free_cpus == 1
    done, failed, last = runner.until_all([first, second, third])
    assert isinstance(done, Done)
    assert done.result.score == score
    assert [a.result.n_members for a in (done, last)] == [3, 3]
    assert (failed.error.kind, failed.error.message) == ("exception", "ValueError: no")
    assert runner.pool.free_cpus == 2
    assert runner.good_score() == score


def test_one_of_a_pack_is_pruned_and_the_others_go_on(runner):
    jobs = runner.submit_pack("together", [{"do": "step", "n": 10**6}, {"do": "step", "n": 50}])
    runner.until(jobs[0], Reported)
    runner.executor.prune(jobs[0])
    pruned, done = runner.until_all(jobs)
    assert isinstance(pruned, Pruned)
    assert isinstance(done, Done)


def test_one_of_a_pack_is_killed_and_the_others_go_on(runner):
    jobs = runner.submit_pack("together", [{"do": "step", "n": 10**6}, {"do": "step", "n": 50}])
    runner.until(jobs[0], Reported)
    error = TrialError("exception", "its other fold has failed")
    runner.executor.kill(jobs[0], error)
    assert Failed(jobs[0], error) in runner.executor.poll(0.0)
    (done,) = runner.until_all(jobs[1:])
    assert isinstance(done, Done)
    while runner.pool.leases:  # until the one that was killed has left
        assert not runner.executor.poll(0.2)
    assert runner.pool.free_cpus == 2


def test_the_last_of_a_pack_is_killed_with_its_worker(runner):
    jobs = runner.submit_pack("together", [{"do": "sleep"}, {"do": "sleep"}])
    error = TrialError("interrupted", "enough")
    for job_id in jobs:
        runner.executor.kill(job_id, error)
    assert runner.pool.free_cpus == 2
    assert [a.error for a in runner.until_all(jobs)] == [error, error]


@pytest.mark.parametrize(
    ("do", "deadline_s", "kind"), [("crash", None, "crash"), ("sleep", 0.5, "timeout")]
)
def test_what_ends_a_worker_ends_its_whole_pack(runner, score, do, deadline_s, kind):
    members = [{"do": do}, {"do": "fit"}]
    answers = runner.until_all(runner.submit_pack("together", members, deadline_s, fold=1))
    assert [(a.error.kind, a.error.fold) for a in answers] == [(kind, 1)] * 2
    assert runner.good_score() == score


def test_what_a_fit_prints_reaches_nobody(prepared, score, capfd):
    launcher = ForkLauncher()  # started under capfd: its streams are the captured ones
    try:
        answer = Runner(prepared, launcher).fit("prints")
    finally:
        launcher.close()
    assert answer.result.score == score
    assert capfd.readouterr() == ("", "")


def test_folder_and_environment_of_a_fit_do_not_reach_the_next(runner, tmp_path):
    worker = runner.worker("moves")
    assert runner.worker("sees", to=str(tmp_path / "seen")) is worker
    seen = json.loads((tmp_path / "seen").read_text())
    assert seen["cwd"] == str(Path.cwd())
    assert seen["env"]["CUDA_VISIBLE_DEVICES"] == ""
    assert "LEFT_BEHIND" not in seen["env"]


@pytest.mark.parametrize("then", ["crash", "return"])
def test_children_end_with_the_worker_that_forked_them(runner, score, tmp_path, all_gone, then):
    target = tmp_path / "children"
    job_id = runner.submit("forks", to=str(target), then=then)
    runner.until(job_id)
    if then == "return":
        runner.executor.warm_up(0)
    all_gone(json.loads(target.read_text()))
    assert runner.good_score() == score


def test_children_end_with_a_fit_that_is_killed_at_its_deadline(runner, tmp_path, all_gone):
    target = tmp_path / "children"
    runner.good_score()
    assert runner.error("forks", to=str(target), then="sleep", deadline_s=1.0).kind == "timeout"
    all_gone(json.loads(target.read_text()))


def test_a_fit_that_forks_and_returns_twice_answers_once(runner, score, tmp_path, all_gone):
    job_id = runner.submit("returns_twice", to=str(tmp_path / "copy"))
    assert isinstance(runner.until(job_id), Done)
    all_gone([int((tmp_path / "copy").read_text())])  # it has come back as well
    assert runner.good_score() == score


def test_report_in_a_child_process_is_refused(runner, score):
    assert "the child exited with 7" in runner.error("reports_from_child").message
    assert runner.good_score() == score


def test_rubbish_in_the_pipe_fails_the_fit_that_wrote_it(runner, score):
    error = runner.error("rubbish", deadline_s=5.0)
    assert error.kind == "crash"
    assert "unreadable" in error.message
    assert runner.good_score() == score


def test_a_finished_fold_is_on_disk(runner):
    job_id = runner.submit("good", fold=1)
    runner.until(job_id)
    trial_id = job_id.trial_id
    assert runner.run.oof(trial_id, 1).is_file()
    assert (runner.run.model(trial_id, 1) / "model.json").is_file()


def test_a_worker_is_kept_for_the_next_job_and_replaced_after_a_failure(runner):
    first = runner.worker("good")
    assert runner.worker("good") is first
    assert runner.worker("raises") is first
    assert runner.worker("good") is not first


def test_a_worker_that_died_while_idle_is_no_failure_of_the_next_fit(runner, score):
    worker = runner.worker("good")
    os.kill(worker.pid, signal.SIGKILL)
    patience = time.monotonic() + PATIENCE_S
    while worker.exit_status is None and time.monotonic() < patience:
        runner.launcher.refresh()
    assert runner.good_score() == score


def test_jobs_on_a_gpu_go_to_workers_that_see_it_and_no_others_do(runner, tmp_path):
    runner.fit("sees", to=str(tmp_path / "cpu"))
    runner.fit("sees", to=str(tmp_path / "gpu"), need=Resources(n_gpus=0.5))
    cpu, gpu = (json.loads((tmp_path / name).read_text()) for name in ("cpu", "gpu"))
    assert (cpu["device"], cpu["env"]["CUDA_VISIBLE_DEVICES"]) == ("cpu", "")
    assert (gpu["device"], gpu["env"]["CUDA_VISIBLE_DEVICES"]) == ("cuda:0", "3")


@pytest.mark.parametrize("params", [{}, {"wrapped": True}])
def test_a_gpu_that_is_full_is_told_from_other_errors_and_its_worker_is_replaced(runner, params):
    need = Resources(n_gpus=0.25)
    worker = runner.worker("good", need=need)
    failed = runner.fit("fills_gpu", need=need, **params)
    assert failed.error.kind == "cuda_oom"
    assert failed.error.traceback
    assert not runner.pool.leases
    assert runner.launcher.worker_of[failed.job_id] is worker
    assert runner.worker("good", need=need) is not worker


def test_a_worker_that_sees_another_gpu_than_its_own_fails_the_fit_by_name(
    prepared, launcher, tmp_path
):
    setup = replace(prepared, modules=(*prepared.modules, "paper_driver"))
    runner = Runner(setup, launcher)
    runner.pool.gpus = tuple(Gpu(i, uuid=f"GPU-{i:08x}") for i in range(2))
    error = runner.error("good", need=Resources(n_gpus=0.5))
    assert error.kind == "wrong_device"
    assert error.message.startswith("the worker should see only the GPU GPU-00000000, but sees: ")
    assert "GPU-00000001" in error.message
    assert runner.good_score() is not None  # the CPU is none of its business


def test_a_fit_that_has_a_gpu_to_itself_leaves_no_idle_workers_on_it(runner):
    quarter, whole = Resources(n_gpus=0.25), Resources(n_gpus=1.0)
    first, second = (runner.submit("stepper", need=quarter) for _ in range(2))
    for job_id in (first, second):
        runner.until(job_id, Reported)
        runner.executor.prune(job_id)
    while runner.pool.leases:
        runner.executor.poll(0.1)
    idle = [runner.launcher.worker_of[job_id] for job_id in (first, second)]
    assert runner.launcher.killed == []
    job_id = runner.submit("good", need=whole)
    idle.remove(kept := runner.launcher.worker_of[job_id])
    assert runner.launcher.killed == idle
    assert isinstance(runner.until(job_id), Done)
    assert runner.worker("good", need=quarter) is kept


def test_two_fits_run_side_by_side(runner):
    first, second = runner.submit("stepper"), runner.submit("stepper")
    assert runner.executor.pool.lease(Resources()) is None
    runner.until(first, Reported)
    runner.until(second, Reported)
    for job_id in (first, second):
        runner.executor.kill(job_id, TrialError("interrupted", "enough"))


def test_a_release_gives_back_a_lease_that_was_not_used(runner):
    lease = runner.executor.pool.lease(Resources(n_cpus=2))
    runner.executor.pool.release(lease)
    assert runner.pool.free_cpus == 2


def test_warm_workers_take_the_first_jobs(runner, score):
    runner.executor.warm_up(2)
    warm = list(runner.launcher.workers)
    assert len(warm) == 2
    assert runner.good_score() == score
    assert runner.launcher.workers == warm


def test_data_that_cannot_be_opened_fails_the_job_and_says_why(prepared, launcher, tmp_path):
    runner = Runner(replace(prepared, run=str(tmp_path / "nowhere")), launcher)
    error = runner.error("good")
    assert error.kind == "exception"
    assert "nowhere" in error.message


def test_a_worker_that_hangs_before_its_fold_is_encoded_is_killed(runner, score, tmp_path):
    gate = str(tmp_path / "never")
    error = runner.error("encodes", encode_gate=gate, encode_limit_s=1.5)
    assert error.kind == "timeout"
    assert error.message == "killed after 1.5 s: its fold was not encoded"
    assert runner.good_score() == score


def failed(happenings):
    return [happening for happening in happenings if isinstance(happening, Failed)]


def test_the_limit_of_a_fit_begins_when_its_fold_is_encoded(runner, tmp_path):
    gate = tmp_path / "gate"
    job_id = runner.submit("encodes", encode_gate=str(gate), deadline_s=6000.0)
    runner.clock.by_s = 7000.0
    assert not failed(runner.executor.poll(0.0))
    runner.clock.by_s = 0.0
    gate.touch()
    assert isinstance(runner.until(job_id), Done)


def test_all_ends_with_the_search_also_while_a_fold_is_encoded(runner, tmp_path):
    gate = str(tmp_path / "never")
    assert runner.error("encodes", encode_gate=gate, end_s=1.0).kind == "timeout"
    assert runner.error("sleeps", deadline_s=300.0, end_s=1.0).kind == "timeout"


def test_one_that_says_that_its_fold_is_encoded_before_it_is_looked_at_is_not_killed(
    runner, tmp_path
):
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    gates = {"begun": str(begun), "fit_gate": str(gate)}
    job_id = runner.submit("encodes", encode_limit_s=6000.0, **gates)
    wait_for(begun.exists)  # as where the controller selects an ensemble
    runner.clock.by_s = 7000.0
    assert not failed(runner.executor.poll(0.0))
    gate.touch()
    assert isinstance(runner.until(job_id), Done)


def test_idle_workers_do_the_work_of_a_probe_and_then_fits(runner):
    runner.executor.warm_up(2)
    for n_threads, n_workers in ((1, 2), (2, 1)):
        rate, patience = 0.0, time.monotonic() + PATIENCE_S
        while rate == 0.0 and time.monotonic() < patience:  # a worker may come too late
            rate = runner.executor.probe(ThreadProbe(n_threads, 1000, 5, 0.1), n_workers)
        assert rate is not None
        assert rate > 0
    assert isinstance(runner.fit("good"), Done)


def test_a_worker_that_dies_in_a_probe_leaves_no_answer_and_no_harm(runner):
    runner.executor.warm_up(2)
    assert runner.executor.probe(ThreadProbe(1, 1000, 5, 0.0), 2) is not None
    os.kill(runner.launcher.workers[0].pid, signal.SIGKILL)
    assert runner.executor.probe(ThreadProbe(1, 1000, 5, 0.0), 2) is None
    assert isinstance(runner.fit("good"), Done)


def test_surplus_workers_are_ended(runner, all_gone):
    runner.executor.warm_up(2)
    runner.executor.probe(ThreadProbe(1, 1000, 5, 0.0), 2)
    runner.executor.warm_up(1)
    (surplus,) = runner.launcher.killed
    all_gone([surplus.pid])
    assert isinstance(runner.fit("good"), Done)


def test_spawned_workers_do_the_same(prepared, score):
    launcher = SpawnLauncher()
    try:
        runner = Runner(prepared, launcher)
        assert runner.error("segfaults").message == "the worker was killed by SIGSEGV"
        assert runner.error("sleeps", deadline_s=3.0).kind == "timeout"
        assert runner.good_score() == score
    finally:
        launcher.close()


def test_modules_of_jobs_are_imported_once_and_not_by_each_worker(prepared, tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    code = f"import os\nwith open({str(notes)!r}, 'a') as file: print(os.getpid(), file=file)\n"
    (tmp_path / "heavy_library.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    launcher = ForkLauncher()
    try:
        setup = replace(prepared, modules=(*prepared.modules, "heavy_library"))
        runner = Runner(setup, launcher)
        modules = frozenset({"heavy_library"})
        jobs = [runner.submit("good", modules=modules) for _ in range(2)]
        assert all(isinstance(end, Done) for end in runner.until_all(jobs))
        assert len(notes.read_text().split()) == 1
    finally:
        launcher.close()


def test_the_limit_of_a_fit_begins_when_its_worker_is_forked(prepared, tmp_path, monkeypatch):
    source = f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path)!r}, 'go').exists():\n"
    (tmp_path / "slow_to_import.py").write_text(source + "    time.sleep(0.01)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    launcher = ForkLauncher()
    try:
        runner = Runner(prepared, launcher)
        launcher.preload(["slow_to_import"])
        job_id = runner.submit("good", encode_limit_s=600.0)
        runner.clock.by_s = 5000.0
        assert runner.executor.poll(0.05) == []
        (tmp_path / "go").touch()
        assert isinstance(runner.until(job_id), Done)
    finally:
        launcher.close()
