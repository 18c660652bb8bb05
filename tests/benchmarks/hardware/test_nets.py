import argparse

import numpy as np
import pandas as pd
import pytest

from benchmarks import packs
from benchmarks.hardware.nets import StepTimes, measure_pack, measure_steps


@pytest.fixture
def options(tmp_path):
    x = np.random.default_rng(0).normal(size=(300, 2)).round(3)
    file = tmp_path / "made.csv"
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x @ [1.0, 2.0]}).to_csv(file, index=False)
    return argparse.Namespace(csv=file, target="y", modules=(), params=2, folds=2, epochs=3)


class Paper:
    """A device whose steps are started in 1 s and done 2 s later; an evaluation takes 50 s."""

    def __init__(self):
        self.now, self.owed = 0.0, 0.0

    def clock(self):
        return self.now

    def synchronise(self):
        self.now, self.owed = self.now + self.owed, 0.0

    def batches(self):
        return iter(range(3))

    def step(self, batch, progress):
        self.now, self.owed = self.now + 1.0, self.owed + 2.0

    def evaluate(self, epoch):
        self.now += 50.0


def test_the_clock_of_steps_runs_until_the_device_has_done_them_without_evaluations():
    def train(trainee, n_steps):
        n_done = 0
        while n_done < n_steps:
            for batch in trainee.batches():
                trainee.step(batch, 0.5)
                n_done += 1
                if n_done == n_steps:
                    break
            trainee.evaluate(1)
        return n_done

    paper = Paper()
    times = StepTimes(paper.synchronise, clock=paper.clock)
    assert times.wrapped(train)(paper, 5) == 5
    assert (times.n_steps, times.calls_s, times.training_s) == (5, 5.0, 15.0)


def test_all_steps_of_a_pack_are_counted(options):
    problem = packs.open_problem("mlp", options)
    (slot,) = packs.slots([1], "cpu")
    figures = measure_steps(problem, slot)
    assert figures["n_members"] == 4
    n_groups, rest = divmod(figures["n_steps"], 3)  # epochs
    assert n_groups > 0
    assert rest == 0
    assert figures["gpu_ms"] is None


def test_members_of_a_pack_are_counted(options):
    problem = packs.open_problem("mlp", options)
    (slot,) = packs.slots([1], "cpu")
    figures = measure_pack(problem, slot)
    assert figures["n_members"] == 4
    assert figures["n_packs"] == 1
    assert figures["members_per_s"] == pytest.approx(4 / figures["fit_s"])
    assert figures["gpu_busy"] is None


def test_a_run_with_a_gpu_gets_larger_nets(options):
    sizes = [packs.open_problem("tabm", options, n_gpus=n).params[0]["width"] for n in (0, 1)]
    assert sizes[0] < sizes[1]
