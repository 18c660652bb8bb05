from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.cli.parser import Parser, UsageError, one_word, split_data_and_overrides
from automl.cli.verbs import search


def _parser() -> Parser:
    parser = Parser("try", "DATA", "Tries.")
    parser.option("--target", metavar="COLUMN")
    parser.option("--time", metavar="TIME")
    parser.common_options(quiet="say less")
    return parser


def test_options_and_words_may_stand_in_any_order():
    line = ["a=1", "--target", "y", "data.csv", "-q", "b=[1,2]", "--time=60"]
    options, words = _parser().read(line)
    assert (options.target, options.time, options.quiet) == ("y", "60", True)
    assert words == ["a=1", "data.csv", "b=[1,2]"]


OPTIONS = ("--target", "--time", "-q", "--quiet", "-v", "--verbose", "-h", "--help")


@given(st.text().filter(lambda text: text not in OPTIONS))
def test_an_option_takes_the_next_word_whatever_it_holds(text: str):
    for line in (["--target", text, "data.csv"], ["data.csv", f"--target={text}"]):
        options, words = _parser().read(line)
        assert (options.target, words) == (text, ["data.csv"])


def test_a_column_named_like_an_option_is_given_with_an_equals_sign():
    assert _parser().read(["--target=--time"])[0].target == "--time"
    with pytest.raises(UsageError, match="--target: expected one argument"):
        _parser().read(["--target", "--time", "60"])


def test_words_after_two_dashes_are_no_options():
    assert _parser().read(["--time", "1", "--", "--target", "-x"])[1] == ["--target", "-x"]


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("--traget", "--target"),
        ("--tim", "--time"),
        ("--verbos", "--verbose"),
        ("--Target=y", "--target"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest(word: str, nearest: str):
    with pytest.raises(UsageError, match=f"did you mean {nearest}\\?"):
        _parser().read([word])


def test_an_option_is_not_guessed_from_its_beginning():
    with pytest.raises(UsageError, match="unknown option --targ"):
        _parser().read(["--targ", "y"])


def test_an_option_without_its_value_is_refused():
    with pytest.raises(
        UsageError, match=r"--target: expected one argument\nrun `automl try --help`"
    ):
        _parser().read(["data.csv", "--target"])


@pytest.mark.parametrize(
    "word",
    [
        "data.csv",
        "./a=b.csv",
        "/tmp/a=b.csv",
        "postgresql://me:pw@host/db?sslmode=require",
        "1=2.csv",
    ],
)
def test_what_no_setting_looks_like_is_data(word: str):
    assert split_data_and_overrides(["search.folds=5", word, "+new=1", "~old"]) == (
        [word],
        ["search.folds=5", "+new=1", "~old"],
    )


def test_a_file_that_looks_like_a_setting_is_data_when_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("a=b.csv").touch()
    assert split_data_and_overrides(["seed=1", "a=b.csv"]) == (["a=b.csv"], ["seed=1"])
    assert split_data_and_overrides(["a=b.csv", "data.csv"]) == (["data.csv"], ["a=b.csv"])


def test_a_word_must_be_there_once():
    with pytest.raises(UsageError, match="DATA is missing"):
        one_word(_parser(), [], "DATA", overrides=True)
    with pytest.raises(UsageError, match=r"expected one DATA, got 2: 'a', '\[b\]'; a setting is"):
        one_word(_parser(), ["a", "[b]"], "DATA", overrides=True)


@pytest.mark.parametrize(
    ("time", "seconds"), [("60", 60.0), ("90s", 90.0), ("10m", 600.0), ("2h", 7200.0)]
)
def test_a_budget_is_read_in_seconds(time: str, seconds: float):
    assert search.parser().read(["--time", time])[0].time_s == seconds


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--time", "soon"], "argument --time: 'soon' is not a valid duration: use 60, 90s"),
        (["--trials", "1.5"], "argument --trials: expected an integer, got '1.5'"),
        (["--seed", "x"], "argument --seed: expected an integer, got 'x'"),
        (["--quantiles", "0.1;0.9"], "argument --quantiles: expected a number, got '0.1;0.9'"),
        (["--gap", "soon"], "argument --gap: 'soon' is not a valid time span"),
    ],
)
def test_a_number_that_does_not_fit_is_named(line: list[str], message: str):
    with pytest.raises(UsageError, match=message):
        search.parser().read(line)


def test_values_of_a_list_stand_between_commas():
    options, _ = search.parser().read(["--quantiles", "0.1,.5, 0.9", "--wide=x,y"])
    assert (options.quantiles, options.wide) == ([0.1, 0.5, 0.9], ["x", "y"])


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_help_is_as_wide_as_the_terminal_and_breaks_no_word(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", "96")
    usual = search.parser().format_help()
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = search.parser().format_help()
    assert shown.split() == usual.split()
    lines = [line for line in shown.splitlines() if not line.startswith("  automl ")]
    assert max(map(len, lines)) <= min(columns, 96)


@pytest.mark.parametrize(
    ("other", "near"),
    [("--label", "--target"), ("--time-limit", "--time"), ("--random-state", "--seed")],
)
def test_options_of_other_tools_lead_to_ours(other, near):
    with pytest.raises(UsageError, match=f"unknown option {other}; did you mean {near}[?]"):
        search.parser().read(["x.csv", other, "y"])
