"""Memory over a whole search: hogs among good trials, and the search itself over many trials."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.events import Note, TrialFinished

HERE = Path(__file__).parent
LIMIT_GIB = 0.5
N_SETTLED = 20
MAX_GROWTH = 1.10

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def table(n_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_rows, 2))
    frame = pd.DataFrame(x, columns=["a", "b"])
    frame["y"] = np.where(x[:, 0] + rng.normal(size=n_rows) > 0, "yes", "no")
    return frame


@pytest.mark.usefixtures("importable")
def test_hogs_are_ended_and_the_good_trials_among_them_complete(tmp_path, size, figure):
    n_trials, events, highest = size(8, 40), [], 0.0
    run = automl.search(
        table(200),
        target="y",
        trials=n_trials,
        out=tmp_path / "run",
        overrides=[
            "family=[mixed]",
            "plugins.modules=[memory_families]",
            "search.folds=2",
            "pruner=none",
            "scheduler.cpus=2",
            f"scheduler.fit_memory_gib={LIMIT_GIB}",
        ],
        on_event=events.append,
    )
    board = run.board()
    ended = {row.trial: row for row in board.trials}
    assert len(ended) == n_trials
    for number in range(n_trials):
        row = ended[f"mixed-{number}"]
        assert row.state == ("failed" if number % 2 else "complete")
        if row.state == "failed":
            assert row.error is not None
            assert row.error.startswith("oom: ")
            peak_gib = float(row.error.split()[1])
            assert peak_gib >= LIMIT_GIB
            highest = max(highest, peak_gib)
            assert "scheduler.fit_memory_gib" in row.error
    assert len([e for e in events if isinstance(e, TrialFinished)]) == n_trials
    assert not [e for e in events if isinstance(e, Note) and "no more trials" in e.message]
    assert len(run.predict(table(50))) == 50
    figure(f"{n_trials // 2} hogs ended, at most {highest - LIMIT_GIB:.2f} GiB above the limit")


SEARCH = """
import json, sys
sys.path.insert(0, {here!r})
import numpy as np, pandas as pd
import automl
from automl.events import TrialFinished

def held_mib():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(l.split()[1]) / 1024 for l in lines if l.startswith("VmRSS"))

held = []
def note(event):
    if isinstance(event, TrialFinished):
        held.append(held_mib())

automl.search(
    pd.read_parquet({data!r}),
    target="y",
    trials={trials},
    out={out!r},
    overrides=[
        "family=[talker]", "plugins.modules=[memory_families]", "search.folds=2", "pruner=none",
        "scheduler.cpus=2", "sampler=random",
    ],
    on_event=note,
)
print(json.dumps(held))
"""


@pytest.mark.slow
def test_the_search_itself_does_not_grow_over_many_trials(tmp_path, size, figure):
    """Every fit reports 400 times, and the predictions of a trial take 0.3 MB."""
    data, n_trials = tmp_path / "data.parquet", size(60, 200)
    table(20_000).to_parquet(data)
    code = SEARCH.format(here=str(HERE), data=str(data), out=str(tmp_path / "run"), trials=n_trials)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout.splitlines()[-1])
    assert len(held) == n_trials
    growth = max(held[N_SETTLED:]) / held[N_SETTLED - 1]
    assert growth <= MAX_GROWTH, f"from {held[N_SETTLED - 1]:.0f} to {max(held):.0f} MiB"
    figure(
        f"{held[N_SETTLED - 1]:.0f} MiB after {N_SETTLED} trials, {max(held):.0f} over {n_trials}"
    )
