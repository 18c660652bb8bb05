import sys

from benchmarks.process import run_watched

ALLOCATE = "import subprocess, sys, time; x = bytearray(64 << 20); x[::4096] = b'1' * (64 << 8); "


def test_memory_of_children_counts(tmp_path):
    code = ALLOCATE + "time.sleep(0.8)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    outcome = run_watched([sys.executable, "-c", parent], tmp_path / "log", 30.0)
    assert outcome.status == 0
    assert 64 / 1024 < outcome.peak_gib < 0.5


def test_a_command_past_its_limit_is_killed(tmp_path):
    code = "import time; print('here', flush=True); time.sleep(60)"
    outcome = run_watched([sys.executable, "-c", code], tmp_path / "log", 0.5)
    assert outcome.status != 0
    assert outcome.wall_s < 10
    assert outcome.error == "here"
