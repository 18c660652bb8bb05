"""The recorded tables of the repository, and the form in which they are kept."""

from dataclasses import replace

import numpy as np
import pytest

from automl.metrics import get_metric
from automl.plugin import Task
from benchmarks.portfolio.measured import Measured, MeasuredTable, write_candidate, write_table
from benchmarks.portfolio.recorded import FOLDER, read_recorded, read_store, write_recorded

MOST_BYTES = 8 << 20


def table_of(task, n_classes=0, n_rows=30):
    random = np.random.default_rng(0)
    numbers = {"n_rows": n_rows, "n_columns": 4, "n_categorical": 1, "n_classes": n_classes}
    y = (
        random.integers(0, n_classes, n_rows)
        if n_classes
        else 1e6 + 50 * random.normal(size=n_rows)
    )
    shape = (n_rows, n_classes) if n_classes else (n_rows,)

    def fits(name, variant=""):
        raw = random.uniform(size=shape)
        oof = raw / raw.sum(axis=1, keepdims=True) if n_classes else y + raw
        n_folds = 1 if name.startswith("forest") else 3
        values = random.uniform(size=(5, n_folds))
        steps = [[(1, 0.25), (2, 0.5)]] * n_folds
        return Measured(
            *(name, name.split("-")[0], {"rate": 0.1}, oof, oof[:10], *values[:4], values[4]),
            steps=steps,
            variant=variant,
        )

    own = [fits("linear-1"), fits("forest-2")]
    further = [fits("linear-1", "seed-1")]
    return MeasuredTable(
        *("some", task, "log_loss" if n_classes else "rmse"),
        **numbers,
        share_s=3.6,
        y=y,
        y_test=y[:10],
        fold_of=np.arange(n_rows) % 3,
        candidates={m.name: m for m in own},
        variants={m.key: m for m in further},
        first=("linear-1",),
    )


@pytest.mark.parametrize(
    ("task", "n_classes"), [("binary", 2), ("multiclass", 4), ("regression", 0)]
)
def test_a_table_is_kept_with_all_that_was_measured(task, n_classes, tmp_path):
    table = table_of(task, n_classes)
    write_recorded(tmp_path / "some.npz", table)
    found = read_recorded(tmp_path / "some.npz")
    np.testing.assert_array_equal(found.y, table.y)
    np.testing.assert_array_equal(found.fold_of, table.fold_of)
    assert (found.n_rows, found.n_classes, found.first) == (30, n_classes, ("linear-1",))
    assert found.candidates.keys() == table.candidates.keys()
    assert found.variants.keys() == {"linear-1@seed-1"}
    for one, other in zip(
        [*table.candidates.values(), *table.variants.values()],
        [*found.candidates.values(), *found.variants.values()],
        strict=True,
    ):
        np.testing.assert_allclose(other.oof, one.oof, rtol=4e-3)
        np.testing.assert_allclose(other.seconds, one.seconds, rtol=1e-6)
        assert (other.params, other.steps) == (one.params, one.steps)


def test_probabilities_near_0_and_1_stay_apart(tmp_path):
    table = table_of("binary", 2)
    sure = np.column_stack([1 - np.geomspace(1e-6, 0.5, 30), np.geomspace(1e-6, 0.5, 30)])
    one = replace(table.candidates["linear-1"], oof=sure.astype(np.float32))
    write_recorded(tmp_path / "some.npz", replace(table, candidates={"linear-1": one}))
    found = read_recorded(tmp_path / "some.npz").candidates["linear-1"].oof
    np.testing.assert_allclose(np.log(found), np.log(one.oof), atol=5e-3)


def test_both_forms_of_a_store_are_read(tmp_path):
    table = table_of("regression")
    write_recorded(tmp_path / "kept.npz", replace(table, name="kept"))
    write_table(tmp_path / "raw", replace(table, name="raw"))
    for measured in (*table.candidates.values(), *table.variants.values()):
        write_candidate(tmp_path / "raw", measured)
    names = {t.name: sorted(t.candidates) for t in read_store(tmp_path)}
    assert names == {"kept": ["forest-2", "linear-1"], "raw": ["forest-2", "linear-1"]}
    assert [t.name for t in read_store(tmp_path, ["raw"])] == ["raw"]


def test_the_repository_keeps_twenty_tables_of_three_kinds_in_little_space():
    files = list(FOLDER.glob("*.npz"))
    assert len(files) >= 20
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert {read_recorded(file).task for file in files} == {"binary", "multiclass", "regression"}


def test_recorded_predictions_beat_the_baseline():
    for table in read_store(FOLDER):
        metric = get_metric(table.metric, Task(table.task))
        losses = {
            m.family: metric.loss(metric.score(table.y_test, m.test.astype(float), None))
            for m in table.candidates.values()
        }
        assert min(losses, key=losses.get) != "baseline", table.name
