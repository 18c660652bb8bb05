"""``kill -9`` of a search at any moment, then resume: it ends as if nothing had happened."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
TRIALS = 14
KILLS_OF_A_RUN = 6
ORPHAN_S = 60.0
MARK = "AUTOML_BATTERY_MARK"


class Searches:
    """Searches as processes of their own, which can be killed and leave nobody behind."""

    def __init__(self, folder):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
        frame["target"] = np.where(frame["a"] + rng.normal(scale=0.5, size=120) > 0, "yes", "no")
        self.data, self.folder, self.mark = folder / "data.csv", folder, uuid.uuid4().hex
        frame.to_csv(self.data, index=False)
        paths = [str(HERE), str(HERE.parent / "automl/scheduling"), os.environ.get("PYTHONPATH")]
        self.env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(p for p in paths if p),
            MARK: self.mark,
        }

    def start(self, run, verb="search", fatal_change=0):
        """Starts a search, or goes on with it, by either of the two commands for that."""
        words = ["resume", str(run), "-q"]
        if verb == "search":
            words = ["search", str(self.data), "--target", "target", "--metric", "log_loss"]
            words += ["--trials", str(TRIALS), "--seed", "3", "--out", str(run), "--resume", "-q"]
            words += ["family=[good,leaves_children,quick]", "scheduler.cpus=2", "search.folds=2"]
            words += ["plugins.modules=[nasty_families,battery_families]"]
        command = [sys.executable, str(HERE / "killed_command.py"), str(run), str(fatal_change)]
        return subprocess.Popen(
            [*command, *words],
            env=self.env,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def complete(self, run, verb="search"):
        """Runs a search to its end; returns how often it changed the run directory."""
        process = self.start(run, verb)
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        return int(errors.split()[-2])

    def kill(self, run, verb, rng, n_changes):
        """Kills a search at one of its changes, or at any time; whether it was not over before."""
        if rng.random() < 0.6:
            process = self.start(run, verb, rng.randint(1, n_changes))
        else:
            process = self.start(run, verb)
            time.sleep(rng.uniform(0.3, 3.0))
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors
        return process.returncode != 0

    def orphaned_s(self):
        """Seconds until no process of these searches is left."""
        begun = time.monotonic()
        while self._left():
            assert time.monotonic() - begun < ORPHAN_S, self._left()
            time.sleep(0.02)
        return time.monotonic() - begun

    def _left(self):
        mark, found = f"{MARK}={self.mark}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes())
            except OSError:  # not ours, or gone in the meantime
                continue
        return found


@pytest.fixture
def searches(tmp_path):
    return Searches(tmp_path)


def complete_trials(run):
    """What is on disk of the trials that are over, to the last byte, seconds included."""
    found = {path: path.read_bytes() for path in run.glob("trials/*/trial.json")}
    return {path: text for path, text in found.items() if json.loads(text)["state"] != "running"}


def outcome(run):
    """What must not depend on kills: trials, predictions, ensemble, leaderboard and studies."""
    records = [json.loads(p.read_text()) for p in run.glob("trials/*/trial.json")]
    trials = [
        (r["index"], r["spec"], r["state"], r["score"], r["score_se"], _error(r), _scores(r))
        for r in sorted(records, key=lambda r: r["index"])
    ]
    oofs = sorted(run.glob("trials/*/fold-*/oof.npy"))
    digests = {str(p.relative_to(run)): hashlib.sha256(p.read_bytes()).digest() for p in oofs}
    ensemble = json.loads((run / "ensemble/ensemble.json").read_text())
    board = pd.read_csv(run / "leaderboard.csv").drop(columns=["fit_s", "predict_s", "predict_ms"])
    storage = JournalStorage(JournalFileBackend(str(run / "studies.journal")))
    studies = [
        (study.study_name.split("/")[1], [(t.state, t.params, t.values) for t in study.trials])
        for study in (
            optuna.load_study(study_name=name, storage=storage)
            for name in optuna.study.get_all_study_names(storage)
        )
    ]
    return trials, digests, ensemble, board.to_csv(), studies


def _error(record):
    return record["error"] and (record["error"]["kind"], record["error"]["message"])


def _scores(record):
    return [(fold["fold"], fold["score"]) for fold in record["folds"]]


def kill_and_resume(searches, n_kills, seed):
    """Kills so many searches, a few times each; how many were killed, and the slowest orphan."""
    calm = searches.folder / "calm"
    n_changes = searches.complete(calm)
    expected = outcome(calm)
    assert [row[0] for row in expected[0]] == list(range(TRIALS))
    rng, n_killed, n_runs, slowest_s = random.Random(seed), 0, 0, 0.0
    while n_killed < n_kills:
        run, n_runs = searches.folder / f"run-{n_runs}", n_runs + 1
        for _ in range(min(KILLS_OF_A_RUN, n_kills - n_killed)):
            before = complete_trials(run)
            verb = rng.choice(["search", "resume"]) if _is_run(run) else "search"
            killed = searches.kill(run, verb, rng, n_changes)
            slowest_s = max(slowest_s, searches.orphaned_s())
            after = complete_trials(run)
            assert before.items() <= after.items(), "a trial that was over was touched"
            if not killed:
                break
            n_killed += 1
        before = complete_trials(run)
        searches.complete(run, rng.choice(["search", "resume"]) if _is_run(run) else "search")
        assert before.items() <= complete_trials(run).items()
        assert outcome(run) == expected, run
    return n_killed, n_runs, slowest_s


def _is_run(path):
    return (path / "manifest.json").exists()


def report(n_killed, n_runs, slowest_s):
    return (
        f"{n_killed} kills in {n_runs} runs of {TRIALS} trials: none lost, none twice, all ends "
        f"equal; nobody left after {slowest_s:.1f} s"
    )


def test_a_search_that_is_killed_and_resumed_ends_the_same(searches, figure):
    figure(report(*kill_and_resume(searches, 3, seed=1)))


@pytest.mark.slow
def test_many_searches_that_are_killed_and_resumed_end_the_same(searches, size, figure):
    figure(report(*kill_and_resume(searches, size(10, 500), seed=2)))
