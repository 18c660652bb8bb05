"""Every installed family at once on tables that a leak would make easy."""

import numpy as np
import pandas as pd
import pytest

import automl
from automl.plugin import TABULAR_KINDS
from automl.plugin.configurable import default_settings
from automl.registry import load_registry
from automl.tuning.propose.proposer import GENERATION

pytestmark = pytest.mark.slow

N_GROUPS, COPIES = 120, 4
CHANCE = 0.12  # 4 standard errors of an AUC of 240 rows are 0.15, and copies make it wider
SHORT = {"max_rounds": 60, "max_epochs": 24}  # enough to find a leak, if there is one
OF_OTHER_DATA = {"fusion", "sentences", "textnet"}  # these refuse tables without texts or media


def search(frame, out, only=None, **options):
    """One trial of each installed family of tables, or of one; scores, and the leaderboards.

    Families come in searches of one generation each, in which nothing is known of any.
    """
    installed = {name: found.family for name, found in load_registry().families.items()}
    tabular = {
        name: family
        for name, family in installed.items()
        if family.kinds & TABULAR_KINDS and name not in OF_OTHER_DATA
    }
    families = tabular if only is None else {only: tabular[only]}
    short = [
        f"model.{name}.{key}={most}"
        for name, family in families.items()
        for key, most in SHORT.items()
        if key in default_settings(family)
    ]
    scores, boards = {}, []
    for start in range(0, len(families), GENERATION):
        names = list(families)[start : start + GENERATION]
        chosen = f"family=[{','.join(names)}]"
        run = automl.search(
            frame,
            target="y",
            out=out / names[0],
            trials=len(names),
            overrides=(chosen, *short, "search.folds=3", "scheduler.cpus=2", "pruner=none"),
            **options,
        )
        boards.append(run.board())
        rows = boards[-1].trials
        scores.update({row.family: row.score for row in rows if row.state == "complete"})
    assert set(scores) == set(families), [board.failures for board in boards]
    return scores, boards


def rows_of_groups():
    """Rows in near copies, whose class is drawn for each group: only copies tell."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(N_GROUPS), COPIES)
    centre = rng.normal(size=(N_GROUPS, 3))
    x = centre[group] + rng.normal(scale=1e-3, size=(len(group), 3))
    y = rng.permutation(np.arange(N_GROUPS) % 2)[group]
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "owner": group, "y": y})


def test_groups_are_not_divided(tmp_path):
    apart, _ = search(rows_of_groups(), tmp_path / "group", group="owner")
    assert max(apart.values()) < 0.5 + 2 * CHANCE
    parted, _ = search(rows_of_groups().drop(columns="owner"), tmp_path / "rows", only="knn")
    assert parted["knn"] > 0.9  # the leak is there where nobody says so


def test_the_past_does_not_know_the_future(tmp_path):
    """The class of a row is that of its week, and weeks are new: only neighbours in time tell."""
    rng = np.random.default_rng(0)
    week = np.repeat(np.arange(40), 6)
    y = rng.permutation(np.arange(40) % 2)[week]
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(240), unit="D")
    frame = pd.DataFrame(
        {"x": rng.normal(size=240), "z": rng.normal(size=240), "day": days, "y": y}
    )
    scores, _ = search(frame, tmp_path / "time", time_column="day")
    assert max(scores.values()) < 0.5 + 2.5 * CHANCE


def test_a_random_target_stays_random_and_a_row_number_does_not_help(tmp_path):
    rng = np.random.default_rng(3)
    n = 600
    frame = pd.DataFrame({"x": rng.normal(size=n), "id": np.arange(n), "y": np.arange(n) % 2})
    frame["y"] = rng.permutation(frame["y"])
    scores, boards = search(frame, tmp_path / "random")
    assert max(scores.values()) < 0.5 + CHANCE
    for ensemble in (board.ensemble for board in boards):
        assert ensemble.score <= ensemble.selected_score + 1e-9
        assert ensemble.score_low < 0.55
