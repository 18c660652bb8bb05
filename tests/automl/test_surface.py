"""Messages that name settings as their reader would write them."""

import numpy as np
import pandas as pd
import pytest

import automl
from automl.cli import main
from automl.errors import UserError
from automl.events import Note, SearchStarted
from automl.surface import command_line, in_python, python_call

OPTIONS = ("family=[baseline]", "search.folds=2")


@pytest.mark.parametrize(
    ("said", "in_words_of_python"),
    [
        ("use --target NAME for another", "use target=NAME for another"),
        ("Use --task multiclass or another --target", "Use task='multiclass' or another target"),
        ("--metric mae or smape counts them", "metric='mae' or smape counts them"),
        ("folds, or --metric log_loss, avoid it", "folds, or metric='log_loss', avoid it"),
        ("give a time (--time 10m) or (--trials 100)", "give a time (time_s=600) or (trials=100)"),
        ("--time and --trials are totals", "time_s and trials are totals"),
        ("name their column by --time-column", "name their column by time_column"),
        ("(--folds, --folds-column)", "(search.folds, folds_column)"),
        ("choose another --out, such as runs/a", "choose another out, such as runs/a"),
        ("--out runs/a.b is the data", "out='runs/a.b' is the data"),
        ("(or --resume with the same command)", "(or resume=True with the same command)"),
        ("validate with --group userId", "validate with group='userId'"),
        ("--wide x, finds the step 3 twice", "wide='x', finds the step 3 twice"),
        ("the column '--target' and a--out", "the column '--target' and a--out"),
        ("--outer and --targeted", "--outer and --targeted"),
    ],
)
def test_options_become_arguments_with_their_values(said, in_words_of_python):
    assert in_python(said) == in_words_of_python


def test_an_error_is_in_the_words_of_whoever_made_the_call():
    def call():
        with python_call():
            raise UserError("choose another --out")

    with pytest.raises(UserError, match=r"^choose another out$"):
        call()
    with command_line(), pytest.raises(UserError, match=r"^choose another --out$"):
        call()


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=80), "z": rng.normal(size=80) * 2 + 1})


def test_a_search_from_python_names_no_option_of_the_command_line(table, tmp_path):
    said = []
    out = tmp_path / "run"
    table.loc[40:] = table.loc[:39].to_numpy()  # copies of rows, which a note names
    automl.search(table, trials=1, out=out, overrides=OPTIONS, on_event=said.append)
    texts = [e.message for e in said if isinstance(e, Note)]
    texts += [e.target_reason for e in said if isinstance(e, SearchStarted)]
    assert any("target=NAME" in text for text in texts)
    assert not [text for text in texts if "--" in text]
    with pytest.raises(UserError, match="choose another out"):
        automl.search(table, trials=1, out=out, overrides=OPTIONS)


def test_the_same_search_on_the_command_line_names_options(table, tmp_path, capsys):
    path = str(tmp_path / "data.csv")
    table.to_csv(path, index=False)
    words = ["search", path, "--trials", "1", "--out", str(tmp_path / "run"), *OPTIONS]
    assert main(words) == 0
    assert "--target NAME" in "".join(capsys.readouterr())
    assert main(words) == 2
    assert "choose another --out" in capsys.readouterr().err
