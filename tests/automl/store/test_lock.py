"""One search at a time in a run directory."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from automl.errors import RunError
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks")

HOLDER = """
import sys
from pathlib import Path
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
lock = RunLock(RunDir(Path(sys.argv[1])))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of a directory."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_holder_is_refused_with_the_process_id_of_the_first(tmp_path, holder):
    with pytest.raises(RunError, match=f"in use by the search with process id {holder.pid}"):
        RunLock(RunDir(tmp_path)).acquire()


def test_whoever_is_killed_holds_nothing(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock = RunLock(RunDir(tmp_path))
    lock.acquire()
    assert RunDir(tmp_path).lock.read_text() == str(os.getpid())
    lock.release()


def test_a_released_lock_can_be_taken_again(tmp_path):
    for _ in range(2):
        lock = RunLock(RunDir(tmp_path))
        lock.acquire()
        lock.release()
        lock.release()


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(RunError, match=r"cannot be written to .*missing"):
        RunLock(RunDir(tmp_path / "missing")).acquire()


def test_a_run_that_is_starting_is_told_from_one_that_was_killed(tmp_path, holder):
    with pytest.raises(RunError, match="still starting: try again in a few seconds"):
        RunDir(tmp_path).check()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with pytest.raises(RunError, match="killed before it began"):
        RunDir(tmp_path).check()


def test_whoever_looks_for_a_moment_keeps_no_search_from_starting(tmp_path, monkeypatch):
    run = RunDir(tmp_path)
    run.lock.touch()
    looking = run.lock.open("rb")
    fcntl.flock(looking, fcntl.LOCK_SH)
    waits = []

    def sleep(wait_s):
        waits.append(wait_s)
        if len(waits) == 2:
            looking.close()

    monkeypatch.setattr("automl.store.lock.time.sleep", sleep)
    lock = RunLock(run)
    lock.acquire()
    lock.release()
    assert len(waits) == 2
