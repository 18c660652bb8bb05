"""GPUs over a whole search: who sees which, several fits on one, and hogs of their memory.

Each test runs on real GPUs where there are any, and on paper everywhere:
``AUTOML_BATTERY=full pytest tests/battery/test_gpus.py``.
"""

import ctypes
import importlib.util
import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.scheduling.devices.nvml import LIBRARY, find_gpus
from tests.automl.scheduling.fake_cuda import loads_instead

HERE = Path(__file__).parent
REAL = Path("/dev/nvidiactl").exists() and importlib.util.find_spec("torch") is not None
HOG_EVERY = 4
TOLERANCE_GIB = 0.1
SETTLE_S = 60.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.usefixtures("importable"),
]


@pytest.fixture(
    params=[
        pytest.param(
            "real",
            marks=[pytest.mark.gpu, pytest.mark.skipif(not REAL, reason="there is no GPU")],
        ),
        "paper",
    ]
)
def gpus(request, monkeypatch, tmp_path, load_module):
    """The GPUs of this machine, or two on paper."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if request.param == "paper":
        folder = tmp_path / "cards"
        folder.mkdir()
        monkeypatch.setenv("AUTOML_PAPER_GPUS", str(folder))
        paper = load_module("paper_gpu", HERE / "paper_gpu.py")
        fakes = load_module("scheduling_fakes", HERE.parent / "automl/scheduling/conftest.py")
        cards = [("paper", uuid, paper.Card(uuid).free_gib) for uuid in paper.UUIDS]
        nvml = fakes.FakeNvml(*cards)
        monkeypatch.setattr(ctypes, "CDLL", loads_instead(LIBRARY, lambda: nvml))
    found = find_gpus()
    assert found
    return found


@pytest.fixture
def search(gpus, tmp_path, request):
    """Searches with families that note what they see: the run, its trials, and the notes."""
    on_paper = "paper" in request.node.callspec.id
    modules = "paper_gpu,gpu_families" if on_paper else "gpu_families"
    notes = tmp_path / "notes"
    notes.mkdir()
    frame = pd.DataFrame({"a": np.arange(200.0), "y": np.arange(200) % 2})

    def search(*families, trials, hold_s=0.1, most=1000, meet=1, **scheduler):
        run = automl.search(
            frame,
            target="y",
            trials=trials,
            out=tmp_path / "run",
            overrides=[
                f"family=[{','.join(families)}]",
                f"plugins.modules=[{modules}]",
                "search.folds=1",
                "pruner=none",
                "ensemble=none",
                *(f"scheduler.{key}={value}" for key, value in scheduler.items()),
                *(f"model.{family}.notes={notes}" for family in families),
                *(f"model.{family}.hold_s={hold_s}" for family in families),
                *(f"model.{family}.meet={meet}" for family in families),
                *(f"model.{family}.most={most}" for family in families if family == "packed"),
            ],
        )
        seen = [json.loads(path.read_text()) for path in sorted(notes.glob("*.json"))]
        return run.board().trials, seen

    return search


def bare(uuid):
    return uuid.partition("-")[2]


def test_each_worker_sees_its_own_gpu_and_no_other(search, gpus, figure):
    trials, seen = search("net", "blind", trials=16, cpus=4)
    assert {t.state for t in trials} == {"complete"}
    assert len(seen) == 16
    for note in seen:
        if note["family"] == "net":
            (uuid,) = note["seen"]
            assert note["device"] == "cuda:0"
            assert note["env"] in {g.visible for g in gpus}
            assert bare(note["env"]) == uuid
        else:
            assert (note["device"], note["env"], note["seen"]) == ("cpu", "", [])
    used = {note["env"] for note in seen} - {""}
    assert used == {g.visible for g in gpus[: len(used)]}
    figure(f"{len(seen)} fits on {len(used)} of {len(gpus)} GPUs and the CPU")


def test_four_trials_share_one_gpu(search, gpus, figure):
    trials, seen = search("net", trials=8, cpus=4, gpus=[0], meet=4)
    assert {t.state for t in trials} == {"complete"}
    assert {note["env"] for note in seen} == {gpus[0].visible}
    starts = [note["time"][0] for note in seen]
    together = max(sum(a <= t < b for a, b in (n["time"] for n in seen)) for t in starts)
    assert together == 4
    figure(f"{together} trials at a time on one GPU")


def test_hogs_of_gpu_memory_hurt_nobody_and_leave_nothing(search, gpus, size, figure):
    rounds, before = size(3, 20), gpus[0].vram_gib
    trials, _ = search("crowd", trials=HOG_EVERY * rounds, cpus=4, gpus=[0])
    states = {t.trial: t.state for t in trials}
    for number in range(HOG_EVERY * rounds):
        is_hog = number % HOG_EVERY == HOG_EVERY - 1
        assert states[f"crowd-{number}"] == ("failed" if is_hog else "complete"), trials
    errors = {t.error.partition(":")[0] for t in trials if t.state == "failed"}
    assert errors == {"cuda_oom"}
    patience = time.monotonic() + SETTLE_S
    while (after := find_gpus()[0].vram_gib) < before - TOLERANCE_GIB:
        assert time.monotonic() < patience, f"{before - after:.2f} GiB are not given back"
        time.sleep(0.1)
    figure(f"{rounds} hogs failed, {3 * rounds} trials complete; {before - after:.2f} GiB missing")


def test_params_are_fitted_together_on_a_whole_gpu(search, gpus, figure):
    trials, seen = search("packed", trials=8, cpus=4, gpus=[0], hold_s=0.2)
    assert {t.state for t in trials} == {"complete"}
    assert {note["env"] for note in seen} == {gpus[0].visible}
    spans = sorted(note["time"] for note in seen)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))  # one pack at a time
    workers = {note["pid"] for note in seen}
    figure(f"{len(seen)} fits in 2 packs by {len(workers)} worker(s)")


def test_a_pack_that_does_not_fit_is_tried_again_one_by_one(search, gpus, figure):
    trials, seen = search("packed", trials=4, cpus=4, gpus=[0], most=3)
    assert {t.state for t in trials} == {"complete"}
    assert len(seen) == 4
    figure("a pack of 4 that was too large: all complete, each alone")
