"""What Linux says of memory, from files that are made up, and from a real process."""

import mmap
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from automl.scheduling.devices import cgroups, memory
from automl.scheduling.devices.memory import (
    available_gib,
    oom_kills,
    process_tree_gib,
    proportional_gib,
)

GIB = 2**30

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in place of /proc and /sys/fs/cgroup: 16 GiB are available, no cgroup has a limit."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "OWN_CGROUPS", tmp_path / "proc/self/cgroup")
    write(tmp_path / "proc/meminfo", "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def v2(folder: Path, limit: object, used: float = 0.0, cache: float = 0.0) -> None:
    write(folder / "memory.max", f"{limit if limit == 'max' else int(limit * GIB)}\n")
    write(folder / "memory.current", f"{int(used * GIB)}\n")
    write(folder / "memory.stat", f"anon 5\ninactive_file {int(cache * GIB)}\n")


def v1(folder: Path, limit: int, used: float = 0.0, cache: float = 0.0) -> None:
    write(folder / "memory.limit_in_bytes", f"{limit}\n")
    write(folder / "memory.usage_in_bytes", f"{int(used * GIB)}\n")
    write(folder / "memory.stat", f"inactive_file 7\ntotal_inactive_file {int(cache * GIB)}\n")


def process(machine: Path, pid: int, children: str = "", **fields: int) -> None:
    lines = "".join(f"{name}:\t{value} kB\n" for name, value in fields.items())
    write(machine / f"proc/{pid}/status", f"Name:\tpython\nUid:\t0\t0\t0\t0\n{lines}")
    write(machine / f"proc/{pid}/task/{pid}/children", children)


def test_what_the_machine_has_left_is_available(machine):
    assert available_gib() == 16.0


def test_elsewhere_nobody_says_what_is_available(machine):
    (machine / "proc/meminfo").unlink()
    assert available_gib() is None


def test_a_v2_cgroup_leaves_its_limit_less_what_is_used_and_cannot_be_dropped(machine):
    v2(machine / "cgroup", 8.0, used=5.0, cache=2.0)
    assert available_gib() == 5.0


def test_a_v2_cgroup_without_a_limit_leaves_all(machine):
    v2(machine / "cgroup", "max", used=5.0)
    assert available_gib() == 16.0


def test_the_tightest_cgroup_on_the_way_up_counts(machine):
    write(machine / "proc/self/cgroup", "0::/user/job\n")
    v2(machine / "cgroup/user/job", 12.0)
    v2(machine / "cgroup/user", 3.0, used=1.0)
    assert available_gib() == 2.0


def test_a_v1_cgroup_leaves_its_limit_less_what_is_used(machine):
    write(machine / "proc/self/cgroup", "3:cpu:/\n4:memory:/batch\n0::/\n")
    v1(machine / "cgroup/memory/batch", 6 * GIB, used=3.0, cache=1.0)
    v1(machine / "cgroup/memory", 9223372036854771712)
    assert available_gib() == 4.0


def test_a_cgroup_that_is_over_its_limit_leaves_nothing(machine):
    v2(machine / "cgroup", 1.0, used=2.0)
    assert available_gib() == 0.0


def test_a_damaged_limit_is_none(machine):
    write(machine / "cgroup/memory.max", "lots")
    assert available_gib() == 16.0


def test_anonymous_and_shared_memory_count_and_mapped_files_do_not(machine):
    process(machine, 7, VmRSS=9 * 2**20, RssAnon=2**20, RssFile=6 * 2**20, RssShmem=2**19)
    assert process_tree_gib(7) == 1.5


def test_a_kernel_that_does_not_tell_them_apart_gives_all_that_is_resident(machine):
    process(machine, 7, VmRSS=2**20)
    assert process_tree_gib(7) == proportional_gib(7) == 1.0


def test_descendants_of_every_thread_count(machine):
    process(machine, 7, "8 ", RssAnon=2**20)
    write(machine / "proc/7/task/70/children", "9 ")
    process(machine, 8, "10 ", RssAnon=2**20)
    process(machine, 9, RssAnon=2**20)
    process(machine, 10, RssAnon=2**20)
    process(machine, 11, RssAnon=2**20)
    assert process_tree_gib(7) == 4.0


def test_a_process_that_is_gone_holds_nothing(machine):
    process(machine, 7, "8 ", RssAnon=2**20)
    assert process_tree_gib(7) == 1.0
    assert process_tree_gib(8) == 0.0


def test_the_verdict_divides_what_is_shared(machine):
    process(machine, 7, RssAnon=2**20, RssShmem=0)
    write(
        machine / "proc/7/smaps_rollup",
        "00400000-7fff0000 ---p 00000000 00:00 0    [rollup]\n"
        "Pss: 900000 kB\nPss_Anon: 262144 kB\nPss_File: 99999 kB\nPss_Shmem: 262144 kB\n",
    )
    assert proportional_gib(7) == 0.5


@pytest.mark.parametrize(
    ("own", "file", "text"),
    [
        ("0::/job\n", "cgroup/job/memory.events", "oom 9\noom_kill 3\noom_group_kill 0\n"),
        ("4:memory:/job\n", "cgroup/memory/job/memory.oom_control", "under_oom 0\noom_kill 3\n"),
        ("0::/\n", "proc/vmstat", "pgfault 12\noom_kill 3\n"),
    ],
)
def test_kills_for_lack_of_memory_are_counted_where_the_kernel_counts_them(
    machine, own, file, text
):
    assert oom_kills() == 0
    write(machine / "proc/self/cgroup", own)
    write(machine / file, text)
    assert oom_kills() == 3


def test_the_nearest_cgroup_counts_kills_before_those_above_it(machine):
    write(machine / "proc/self/cgroup", "0::/job\n")
    write(machine / "cgroup/memory.events", "oom_kill 50\n")
    write(machine / "cgroup/job/memory.events", "oom_kill 2\n")
    assert oom_kills() == 2


CHILD = """
import subprocess, sys, time
data = b"x" * (200 << 20)
if len(sys.argv) > 1:
    child = subprocess.Popen([sys.executable, *sys.argv[:1]])
print("ready", flush=True)
time.sleep(60)
"""


@linux
def test_a_real_process_and_its_child_are_measured_together(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    command = [sys.executable, str(script), "with a child"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        try:
            assert [parent.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
            assert 0.38 < process_tree_gib(parent.pid) < 0.5
            assert 0.38 < proportional_gib(parent.pid) < 0.5
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


@linux
def test_a_mapped_file_takes_nothing_of_the_limit():
    # on a disk: the temporary folder may lie in memory, which does count
    with tempfile.NamedTemporaryFile(dir="/var/tmp", suffix=".npy") as file:
        np.save(file, np.ones(25 << 20))  # 200 MiB
        file.flush()
        before = process_tree_gib(os.getpid())
        mapped = np.load(file.name, mmap_mode="r")
        assert float(mapped.sum()) == 25 << 20
        assert process_tree_gib(os.getpid()) - before < 0.05
        del mapped


@linux
def test_reserved_addresses_take_nothing_of_the_limit():
    before = process_tree_gib(os.getpid())
    with mmap.mmap(-1, 2 * GIB):
        assert process_tree_gib(os.getpid()) - before < 0.05


@linux
def test_a_look_reads_a_short_file_for_each_process_and_thread_and_no_map_of_pages(monkeypatch):
    command = "import threading; threading.Thread(target=input).start(); print(); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", command], stdin=pipe, stdout=pipe) as child:
        child.stdout.readline()
        read, read_text = [], Path.read_text
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_text", lambda file: (read.append(file), read_text(file))[1])
            assert process_tree_gib(child.pid) > 0
        child.kill()
    assert sorted(file.name for file in read) == ["children", "children", "status"]
