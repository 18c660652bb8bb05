"""A small run on disk, opened as a worker opens it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset, open_dataset, save_dataset
from automl.data.split.choose import load_split_plan, make_split_plan, save_split_plan
from automl.metrics import get_metric
from automl.plugin import ModelFamily
from automl.registry import RegisteredFamily, Registry
from automl.store import RunDir
from automl.trial.setup import TrialSetup
from automl.trial.worker_state import WorkerState


def frame(n_rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    size = rng.normal(size=n_rows)
    words = ["quiet morning by the old river", "loud evening in the new city", "short walk home"]
    return pd.DataFrame(
        {
            "size": size,
            "weight": rng.normal(size=n_rows),
            "colour": rng.choice(["red", "green", "blue"], size=n_rows),
            "remark": [f"{words[i % 3]} number {i} of many" for i in range(n_rows)],
            "target": np.where(size + rng.normal(scale=0.3, size=n_rows) > 0, "yes", "no"),
        }
    )


def registry_of(*families: ModelFamily) -> Registry:
    """A registry of these families."""
    return Registry({f.name: RegisteredFamily(f, "tests", "", "tests") for f in families})


@pytest.fixture
def open_bench(tmp_path: Path) -> Callable[..., WorkerState]:
    """open_bench(families..., **setup): a workbench on a fresh run directory."""

    def open_bench(*families: ModelFamily, **options: object) -> WorkerState:
        run = RunDir(tmp_path / "run")
        for folder in (run.trials, run.encodings):
            folder.mkdir(parents=True)
        dataset = load_dataset(frame(), target="target")
        save_dataset(dataset, run.data)
        save_split_plan(make_split_plan(dataset, seed=0, folds=3), run.split)
        dataset, plan = open_dataset(run.data), load_split_plan(run.split)
        setup = TrialSetup(str(run.path), "log_loss", seed=0, n_folds=plan.n_folds, **options)
        metric = get_metric("log_loss", dataset.target.task)
        return WorkerState(setup, run, dataset, plan, metric, registry_of(*families))

    return open_bench
