import json
from dataclasses import replace

import pytest

from automl.ensemble import Calibration, Ensemble, Member, read_ensemble, write_ensemble
from automl.ensemble.ensemble import ensemble_file
from automl.errors import RunError
from automl.plugin import ColumnKind, Encoding, Task
from automl.store.run_dir import RunDir

ENSEMBLE = Ensemble(
    members=(
        Member(
            "trees-3",
            "trees",
            0.75,
            (0, 1, 2),
            Encoding(generated=("arithmetic", "groups")),
            frozenset(ColumnKind),
        ),
        Member(
            "bag-0",
            "bag",
            0.25,
            (-1,),
            Encoding(numeric="standard", categorical="onehot", sparse=True),
            frozenset({ColumnKind.NUMERIC, ColumnKind.CATEGORICAL}),
        ),
    ),
    task=Task.MULTICLASS,
    n_classes=3,
    metric="log_loss",
    score=0.41,
    score_se=0.02,
    nested_score=0.42,
    interval=(0.38, 0.46),
    reason="it is better",
    calibration=Calibration(temperature=1.2),
)


@pytest.mark.parametrize(
    "ensemble",
    [
        ENSEMBLE,
        replace(ENSEMBLE, score_se=None, nested_score=None, interval=None, kind="single"),
        replace(ENSEMBLE, calibration=Calibration(class_factors=(1.0, 0.5, 2.0))),
        replace(ENSEMBLE, calibration=Calibration(value_range=(-1.0, 7.5))),
    ],
)
def test_what_is_written_is_read_again(tmp_path, ensemble):
    write_ensemble(RunDir(tmp_path), ensemble)
    assert read_ensemble(RunDir(tmp_path)) == ensemble


def test_the_file_can_be_read_by_people_and_other_programs(tmp_path):
    write_ensemble(RunDir(tmp_path), ENSEMBLE)
    content = json.loads((tmp_path / "ensemble" / "ensemble.json").read_text())
    assert content["schema"] == 1
    assert content["calibration"] == {
        "temperature": 1.2,
        "class_factors": [],
        "value_range": None,
    }
    assert content["task"] == "multiclass"
    assert content["members"][1] == {
        "trial": "bag-0",
        "family": "bag",
        "weight": 0.25,
        "folds": [-1],
        "view": {
            "numeric": "standard",
            "categorical": "onehot",
            "text": "svd",
            "max_onehot": 64,
            "sparse": True,
            "generated": [],
        },
        "kinds": ["categorical", "numeric"],
    }


def test_a_later_ensemble_takes_the_place_of_an_earlier_one(tmp_path):
    write_ensemble(RunDir(tmp_path), ENSEMBLE)
    write_ensemble(RunDir(tmp_path), replace(ENSEMBLE, score=0.3))
    assert read_ensemble(RunDir(tmp_path)).score == 0.3
    assert [p.name for p in (tmp_path / "ensemble").iterdir()] == ["ensemble.json"]


def test_a_run_without_an_ensemble_is_named(tmp_path):
    with pytest.raises(RunError, match=r"ensemble\.json is missing"):
        read_ensemble(RunDir(tmp_path))


def change(content, **fields):
    return {**content, **fields}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda c: change(c, schema=2), "schema 2, but this version reads 1"),
        (lambda c: [c], "schema None"),
        (lambda c: {k: v for k, v in c.items() if k != "metric"}, "damaged: TypeError: .*metric"),
        (lambda c: change(c, task="ranking"), "damaged: ValueError: .*ranking"),
        (lambda c: change(c, members=[]), "do not sum to 1"),
        (lambda c: change(c, members=c["members"][:1]), "do not sum to 1"),
        (lambda c: change(c, members=[change(c["members"][0], folds=[])]), "has no folds"),
        (lambda c: change(c, members=[change(c["members"][0], view={"x": 1})]), "damaged"),
        (lambda c: change(c, calibration={"heat": 1.2}), "damaged: TypeError: .*heat"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path, spoil, says):
    run = RunDir(tmp_path)
    write_ensemble(run, ENSEMBLE)
    path = ensemble_file(run)
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(RunError, match=f"ensemble.json .*{says}"):
        read_ensemble(run)
