"""A prepared run on disk, and workers that are really processes."""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset, save_dataset
from automl.data.split.choose import make_split_plan, save_split_plan
from automl.scheduling.devices.nvml import LIBRARY
from automl.store import RunDir
from automl.trial.setup import TrialSetup
from tests.automl.scheduling.fake_cuda import loads_instead

HERE = Path(__file__).parent
UINT, HANDLE = ctypes.POINTER(ctypes.c_uint), ctypes.POINTER(ctypes.c_void_p)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> TrialSetup:
    """A run directory with data and split plan; families of ``nasty_families`` can be fitted."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["target"] = np.where(x[:, 0] + rng.normal(scale=0.5, size=120) > 0, "yes", "no")
    run = RunDir(tmp_path_factory.mktemp("run"))
    for folder in (run.trials, run.encodings):
        folder.mkdir()
    dataset = load_dataset(frame, target="target")
    save_dataset(dataset, run.data)
    plan = make_split_plan(dataset, seed=0, folds=3)
    save_split_plan(plan, run.split)
    return TrialSetup(
        run=str(run.path),
        metric="log_loss",
        seed=0,
        n_folds=plan.n_folds,
        modules=("nasty_families",),
        block=("automl-search",),
    )


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes modules of this folder importable, here and in workers."""
    monkeypatch.syspath_prepend(str(HERE))


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture
def all_gone() -> Callable[..., None]:
    """Fails unless all of these processes are gone within some seconds."""

    def check(pids: list[int], within_s: float = 20.0) -> None:
        patience = time.monotonic() + within_s
        while alive := [p for p in pids if is_alive(p)]:
            if time.monotonic() > patience:
                for pid in alive:
                    os.kill(pid, 9)
                raise AssertionError(f"still alive after {within_s} s: {alive}")
            time.sleep(0.02)

    return check


@pytest.fixture
def new_folder(tmp_path: Path) -> Iterator[Path]:
    """The current folder of a test that changes it."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


class FakeNvml:
    """NVML of a machine on paper: each card is a device, or a list of its MIG instances.

    A device is ``(name, uuid, free GiB)``, the last perhaps a function; None for GiB says nothing,
    and None in place of a card is one that is lost.
    """

    def __init__(self, *cards, starts=True):
        self.cards, self.starts = cards, starts
        self.open = 0

    def nvmlInit_v2(self):
        self.open += self.starts
        return 0 if self.starts else 9

    def nvmlShutdown(self):
        self.open -= 1
        return 0

    def nvmlDeviceGetCount_v2(self, count):
        ctypes.cast(count, UINT)[0] = len(self.cards)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number, handle):
        if self.cards[number.value] is None:
            return 15
        ctypes.cast(handle, HANDLE)[0] = 1000 * (number.value + 1)
        return 0

    def nvmlDeviceGetMigMode(self, handle, mode, pending):
        ctypes.cast(mode, UINT)[0] = isinstance(self._at(handle), list)
        return 0

    def nvmlDeviceGetMaxMigDeviceCount(self, handle, most):
        ctypes.cast(most, UINT)[0] = 7
        return 0

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, place, part):
        if place.value >= len(self._at(handle)):
            return 6
        ctypes.cast(part, HANDLE)[0] = handle.value + place.value + 1
        return 0

    def nvmlDeviceGetName(self, handle, buffer, length):
        buffer.value = self._at(handle)[0].encode()
        return 0

    def nvmlDeviceGetUUID(self, handle, buffer, length):
        buffer.value = self._at(handle)[1].encode()
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle, memory):
        free_gib = self._at(handle)[2]
        free_gib = free_gib() if callable(free_gib) else free_gib
        if free_gib is None:
            return 3
        total_and_free = ctypes.cast(memory, ctypes.POINTER(ctypes.c_ulonglong))
        total_and_free[0], total_and_free[1] = 2**40, int(free_gib * 2**30)
        return 0

    def _at(self, handle):
        card, place = divmod(handle.value, 1000)
        device = self.cards[card - 1]
        return device[place - 1] if place else device


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeNvml]:
    """Makes NVML show cards that are there on paper only, and CUDA_VISIBLE_DEVICES name them."""

    def make(*cards, visible=None, starts=True):
        nvml = FakeNvml(*cards, starts=starts)
        monkeypatch.setattr(ctypes, "CDLL", loads_instead(LIBRARY, lambda: nvml))
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        return nvml

    return make
