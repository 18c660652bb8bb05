import os
import resource
import signal
import sys
from collections import namedtuple

import psutil
import pytest

from benchmarks.process import run_watched

ALLOCATE = "import subprocess, sys, time; x = bytearray(64 << 20); x[::4096] = b'1' * (64 << 8); "


def test_memory_of_children_counts(tmp_path):
    code = ALLOCATE + "time.sleep(0.8)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    outcome = run_watched([sys.executable, "-c", parent], tmp_path / "log", 30.0)
    assert outcome.status == 0
    assert not outcome.timed_out
    assert 64 / 1024 < outcome.peak_gib < 0.5


def test_a_command_past_its_limit_is_killed(tmp_path):
    code = "import time; print('here', flush=True); time.sleep(60)"
    outcome = run_watched([sys.executable, "-c", code], tmp_path / "log", 0.5)
    assert outcome.timed_out
    assert outcome.status == -signal.SIGKILL
    assert outcome.error == "here"


def test_what_a_command_leaves_behind_is_killed_as_well(tmp_path):
    child = "import time; time.sleep(60)"
    code = (
        "import subprocess, sys; "
        f"print(subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True).pid)"
    )
    outcome = run_watched([sys.executable, "-c", code], tmp_path / "log", 30.0)
    assert outcome.status == 0
    assert not psutil.pid_exists(int(outcome.error)) or (
        psutil.Process(int(outcome.error)).status() == psutil.STATUS_ZOMBIE
    )


def test_an_interrupted_command_is_killed(tmp_path, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with monkeypatch.context() as patch:
        patch.setattr(psutil.Process, "memory_info", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_watched([sys.executable, "-c", code], tmp_path / "log", 30.0)
    assert not psutil.Process().children()


def test_a_command_is_killed_before_the_system_shows_its_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "process_iter", lambda: [])
    code = "import time; time.sleep(60)"
    outcome = run_watched([sys.executable, "-c", code], tmp_path / "log", 0.1)
    assert outcome.timed_out
    assert outcome.status == -signal.SIGKILL
    assert not psutil.Process().children()


def test_a_command_runs_on_its_cores_and_we_on_ours(tmp_path):
    before = os.sched_getaffinity(0)
    code = "import os; print(sorted(os.sched_getaffinity(0)))"
    core = min(before)
    outcome = run_watched([sys.executable, "-c", code], tmp_path / "log", 30.0, cores=[core])
    assert outcome.error == f"[{core}]"
    assert os.sched_getaffinity(0) == before


def test_time_of_the_command_itself_is_not_that_of_others(tmp_path, monkeypatch):
    times, usage = namedtuple("Times", "user idle"), namedtuple("Usage", "ru_utime ru_stime")
    of_machine, of_children = iter([100.0, 107.0]), iter([10.0, 14.0])
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(next(of_machine), 5.0))
    monkeypatch.setattr(resource, "getrusage", lambda who: usage(next(of_children), 0.0))
    alone = run_watched([sys.executable, "-c", "pass"], tmp_path / "log", 30.0)
    assert alone.others_cores == pytest.approx((7.0 - 4.0) / alone.wall_s)
