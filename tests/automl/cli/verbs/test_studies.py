"""``automl studies`` on runs of an older version."""

import shutil
from pathlib import Path

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


def test_they_go_to_a_database_that_is_named(golden, monkeypatch, capsys):
    asked = []

    def write_studies(run, to):
        asked.append((run.path, to))
        return ["a\x1b[31m/knn"]

    monkeypatch.setattr("automl.tuning.lifecycle.studies.write_studies", write_studies)
    assert main(["studies", str(golden[0]), "--to", "sqlite:///all.db"]) == 0
    assert asked == [(golden[0], "sqlite:///all.db")]
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "RUN is missing"), (["no/such"], "there is no run"), (["a", "b"], "expected one RUN")],
)
def test_a_mistake_is_named(words, says, capsys):
    assert main(["studies", *words]) == 2
    assert says in capsys.readouterr().err
