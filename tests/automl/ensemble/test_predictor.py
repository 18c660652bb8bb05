import json
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

from automl.data.table import Column, Table
from automl.ensemble import Ensemble, Member, Predictor, read_ensemble, write_ensemble
from automl.ensemble.calibration import Calibration
from automl.errors import MissingExtraError, RunError
from automl.plugin import ColumnKind, Encoding, ModelFamily, Task
from automl.store.run_dir import RunDir

KINDS = frozenset({ColumnKind.NUMERIC})
RAW, STANDARD = Encoding(), Encoding(numeric="standard")


@dataclass
class Line:
    """Predicts ``slope * x``; for classes the probabilities ``(1 - x * slope, x * slope)``."""

    slope: float
    is_class: bool

    def predict(self, X):
        value = self.slope * X[:, 0].astype(float)
        return np.c_[1 - value, value] if self.is_class else value


class LineFamily(ModelFamily):
    name = "line"
    extra = "lines"
    loads = 0

    def search_space(self, suggest, problem):
        return {}

    def fit(self, params, fold, context, report):
        return Line(params["slope"], context.task.is_classification)

    def save(self, model, path):
        (path / "line.json").write_text(json.dumps([model.slope, model.is_class]))

    def load(self, path):
        type(self).loads += 1
        return Line(*json.loads((path / "line.json").read_text()))


class NeedsLibrary(LineFamily):
    def load(self, path):
        raise ModuleNotFoundError("No module named 'lines'", name="lines")


class Encoder:
    """Adds the number of its fold times ten where the view is standard; counts its rows."""

    def __init__(self, fold, view, kinds):
        assert kinds == KINDS
        self.shift = 10 * fold if view == STANDARD else 0
        self.n_rows = []

    def transform(self, table):
        self.n_rows.append(table.n_rows)
        return np.asarray(table.data.column("c0"), dtype=np.float32)[:, None] + self.shift


@pytest.fixture
def encoders():
    made = {}

    def find(fold, view, kinds):
        assert (fold, view) not in made
        made[fold, view] = Encoder(fold, view, kinds)
        return made[fold, view]

    find.made = made
    return find


def table_of(*values):
    column = Column("c0", "x", 0, ColumnKind.NUMERIC, "")
    return Table(pa.table({"c0": pa.array(values, pa.float64())}), (column,))


def save_trial(run, trial, slopes, is_class=False):
    for fold, slope in slopes.items():
        path = run.model(trial, fold)
        path.mkdir(parents=True)
        LineFamily().save(Line(slope, is_class), path)


def ensemble_of(*members, task=Task.REGRESSION):
    n_classes = 2 if task.is_classification else 0
    return Ensemble(members, task, n_classes, "rmse", score=1.0)


def predictor(run, ensemble, encoders, family=LineFamily, **options):
    write_ensemble(run, ensemble)
    return Predictor(
        run, read_ensemble(run), {"line": family()}, encoders, **{"offset": 0.0, **options}
    )


def test_prediction_is_the_weighted_mean_of_the_means_over_folds(tmp_path, encoders):
    run = RunDir(tmp_path)
    save_trial(run, "line-0", {0: 1.0, 1: 3.0})
    save_trial(run, "line-1", {-1: 10.0})
    ensemble = ensemble_of(
        Member("line-0", "line", 0.75, (0, 1), RAW, KINDS),
        Member("line-1", "line", 0.25, (-1,), RAW, KINDS),
    )
    prediction = predictor(run, ensemble, encoders).predict(table_of(1.0, 2.0))
    np.testing.assert_allclose(prediction, [0.75 * 2 + 0.25 * 10, 2 * (0.75 * 2 + 0.25 * 10)])


def test_each_fold_model_sees_the_encoding_of_its_fold_and_view(tmp_path, encoders):
    run = RunDir(tmp_path)
    save_trial(run, "line-0", {0: 1.0, 1: 1.0})
    save_trial(run, "line-1", {0: 1.0, 1: 1.0})
    ensemble = ensemble_of(
        Member("line-0", "line", 0.5, (0, 1), RAW, KINDS),
        Member("line-1", "line", 0.5, (0, 1), STANDARD, KINDS),
    )
    prediction = predictor(run, ensemble, encoders).predict(table_of(4.0))
    np.testing.assert_allclose(prediction, [0.5 * 4 + 0.5 * (4 + 14) / 2])


def test_rows_are_encoded_once_for_all_members_of_a_view_and_in_chunks(
    tmp_path, encoders, monkeypatch
):
    monkeypatch.setattr("automl.ensemble.predictor.CHUNK_ROWS", 2)
    run = RunDir(tmp_path)
    members = []
    for k in range(3):
        save_trial(run, f"line-{k}", {0: 1.0, 1: 2.0})
        members.append(Member(f"line-{k}", "line", 1 / 3, (0, 1), RAW, KINDS))
    whole = predictor(run, ensemble_of(*members), encoders)
    prediction = whole.predict(table_of(1.0, 2.0, 3.0, 4.0, 5.0))
    np.testing.assert_allclose(prediction, np.arange(1, 6) * 1.5)
    assert {key[0]: e.n_rows for key, e in encoders.made.items()} == {0: [2, 2, 1], 1: [2, 2, 1]}


def test_few_rows_are_one_table_to_all_encoders(tmp_path, encoders, monkeypatch):
    run, seen = RunDir(tmp_path), []
    save_trial(run, "line-0", {0: 1.0, 1: 1.0})
    ensemble = ensemble_of(Member("line-0", "line", 1.0, (0, 1), RAW, KINDS))
    transform = Encoder.transform
    monkeypatch.setattr(Encoder, "transform", lambda e, t: seen.append(t) or transform(e, t))
    table = table_of(4.0)
    predictor(run, ensemble, encoders).predict(table)
    assert [t is table for t in seen] == [True, True]


def test_models_are_loaded_once(tmp_path, encoders):
    run = RunDir(tmp_path)
    save_trial(run, "line-0", {0: 1.0})
    ensemble = ensemble_of(Member("line-0", "line", 1.0, (0,), RAW, KINDS))
    LineFamily.loads = 0
    loaded = predictor(run, ensemble, lambda *key: Encoder(*key))
    first, second = (loaded.predict(table_of(2.0)) for _ in range(2))
    assert first == second
    assert LineFamily.loads == 1


def test_values_get_the_offset_of_the_target_once_before_they_are_corrected(tmp_path, encoders):
    run = RunDir(tmp_path)
    save_trial(run, "line-0", {0: 1.0, 1: 3.0})
    save_trial(run, "line-1", {0: 2.0})
    members = [
        Member("line-0", "line", 0.9, (0, 1), RAW, KINDS),
        Member("line-1", "line", 0.1, (0,), RAW, KINDS),
    ]
    kept_low = Calibration(value_range=(1e9, 1e9 + 3))
    ensemble = replace(ensemble_of(*members), calibration=kept_low)
    prediction = predictor(run, ensemble, encoders, offset=1e9).predict(table_of(1.0, 9.0))
    assert prediction.tolist() == [1e9 + 2, 1e9 + 3]


def test_probabilities_of_each_model_sum_to_one_before_they_are_averaged(tmp_path, encoders):
    run = RunDir(tmp_path)
    save_trial(run, "line-0", {0: 0.5, 1: 2.0}, is_class=True)
    ensemble = ensemble_of(Member("line-0", "line", 1.0, (0, 1), RAW, KINDS), task=Task.BINARY)
    prediction = predictor(run, ensemble, encoders).predict(table_of(1.0))
    # The second model says (-1, 2), which is (0, 1).
    np.testing.assert_allclose(prediction, [[0.25, 0.75]])


def test_no_rows_give_no_predictions(tmp_path, encoders):
    run = RunDir(tmp_path)
    save_trial(run, "line-0", {0: 0.5}, is_class=True)
    ensemble = ensemble_of(Member("line-0", "line", 1.0, (0,), RAW, KINDS), task=Task.BINARY)
    assert predictor(run, ensemble, encoders).predict(table_of()).shape == (0, 2)


def failing(tmp_path, encoders, spoil=lambda run: None, families=None):
    run = RunDir(tmp_path)
    save_trial(run, "line-0", {0: 1.0, 1: 1.0})
    spoil(run)
    ensemble = ensemble_of(Member("line-0", "line", 1.0, (0, 1), RAW, KINDS))
    families = {"line": LineFamily()} if families is None else families
    return Predictor(run, ensemble, families, encoders, offset=0.0)


def test_a_family_that_is_not_installed_is_named_with_its_trial(tmp_path, encoders):
    with pytest.raises(
        RunError, match=r"needs family 'line' for trial line-0.*did you mean 'lines'"
    ):
        failing(tmp_path, encoders, families={"lines": LineFamily()}).predict(table_of(1.0))


def test_a_model_that_is_missing_is_named(tmp_path, encoders):
    def remove(run):
        (run.model("line-0", 1) / "line.json").unlink()
        run.model("line-0", 1).rmdir()

    with pytest.raises(RunError, match=r"fold-1.model is missing"):
        failing(tmp_path, encoders, remove).predict(table_of(1.0))


def test_a_model_that_does_not_load_is_named_with_the_cause(tmp_path, encoders):
    def damage(run):
        (run.model("line-0", 1) / "line.json").write_text("[1")

    with pytest.raises(RunError, match=r"trial line-0, fold 1, cannot be loaded.*JSONDecodeError"):
        failing(tmp_path, encoders, damage).predict(table_of(1.0))


def test_a_model_that_predicts_nonsense_is_named_with_the_cause(tmp_path, encoders):
    def infinite(run):
        (run.model("line-0", 0) / "line.json").write_text("[Infinity, false]")

    with pytest.raises(RunError, match=r"trial line-0, fold 0, cannot predict.*1 NaN or infinite"):
        failing(tmp_path, encoders, infinite).predict(table_of(1.0))


def test_a_library_that_is_missing_gives_the_extra_that_installs_it(tmp_path, encoders):
    with pytest.raises(MissingExtraError, match=r"family line needs lines.*automl-search\[lines\]"):
        failing(tmp_path, encoders, families={"line": NeedsLibrary()}).predict(table_of(1.0))
