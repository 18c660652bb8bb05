"""``automl studies`` on runs of an older version."""

import shutil
from pathlib import Path

import optuna
import pytest

from automl.cli.app import main

GOLDEN = Path(__file__).parents[3] / "golden"
NAMES = {
    "table": ["baseline", "lightgbm", "catboost", "xgboost", "knn"],
    "series": ["rocket", "rnn", "inception"],
}


@pytest.fixture(params=NAMES)
def golden(request, tmp_path):
    """A copy of a run, and the names of its studies."""
    run = tmp_path / request.param
    shutil.copytree(GOLDEN / request.param / "run", run)
    return run, [f"{run.name}/{family}" for family in NAMES[request.param]]


def test_the_studies_of_an_old_run_are_written_and_named_and_its_own_file_stays(golden, capsys):
    run, names = golden
    before = (run / "study.db").read_bytes()
    assert main(["studies", str(run)]) == 0
    assert capsys.readouterr().out.splitlines() == names
    assert (run / "studies.journal").is_file()
    assert (run / "study.db").read_bytes() == before


def test_they_go_to_a_database_that_is_named(golden, capsys, tmp_path):
    run, names = golden
    url = f"sqlite:///{tmp_path / 'all.db'}"
    assert main(["studies", str(run), "--to", url]) == 0
    assert sorted(optuna.study.get_all_study_names(url)) == sorted(names)
    assert not (run / "studies.journal").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "RUN is missing"), (["no/such"], "there is no run"), (["a", "b"], "expected one RUN")],
)
def test_a_mistake_is_named(words, says, capsys):
    assert main(["studies", *words]) == 2
    assert says in capsys.readouterr().err
