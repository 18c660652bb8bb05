from __future__ import annotations

from pathlib import Path

import pytest

from automl.cli import main


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "data.csv"
    rows = [f"{i:03},{i % 3},{'x' * (i % 2)},{'[red]' * (i % 4)},{i % 2}" for i in range(60)]
    path.write_text("\n".join(["zip,n,empty?,[bold]odd,label", *rows]))
    return str(path)


def test_the_target_and_every_column_are_shown(table: str, capsys: pytest.CaptureFixture[str]):
    assert main(["inspect", table]) == 0
    shown = capsys.readouterr().out
    assert "label (binary)" in shown
    assert "0: 30 | 1: 30" in shown
    for name in ("zip", "n", "empty?", "[bold]odd"):
        assert f"\n{name} " in shown
    assert "50.0%" in shown


def test_settings_go_to_the_reader(table: str, capsys: pytest.CaptureFixture[str]):
    assert main(["inspect", "data.drop=[zip]", "data.kinds={n: categorical}", table]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("n ")).split()[1] == "categorical"
    assert not any(line.startswith("zip ") and "numeric" in line for line in lines)


def test_the_named_target_and_task_are_taken(table: str, capsys: pytest.CaptureFixture[str]):
    assert main(["inspect", table, "--target", "n", "--task", "regression"]) == 0
    assert "n (regression)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search.folds=5"], "'search.folds=5' does not affect how a table is read"),
        (["data.drap=[n]"], "data.drop"),
        (["--target", "lable"], "did you mean 'label'"),
    ],
)
def test_a_mistake_is_named_with_the_nearest(
    table: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["inspect", table, *words]) == 2
    assert message in capsys.readouterr().err


def test_a_problem_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "one.csv"
    path.write_text("a\n" + "1\n2\n" * 9)
    assert main(["inspect", str(path)]) == 2
    assert "has only one column, 'a'" in capsys.readouterr().out


def test_a_missing_file_is_status_2(capsys: pytest.CaptureFixture[str]):
    assert main(["inspect", "no_such.csv"]) == 2
    assert "no_such.csv" in capsys.readouterr().err


def test_many_columns_are_shown_in_a_screenful_with_some_of_each_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    names = [*(f"n{i}" for i in range(300)), "word", "same", "y"]
    lines = []
    for r in range(40):
        numbers = [str((i * 31 + r * r * (i + 3)) % 997 / 10) for i in range(300)]
        lines.append(",".join([*numbers, "ab"[r % 2], "1", "pq"[r % 3 > 0]]))
    path = tmp_path / "wide.csv"
    path.write_text("\n".join([",".join(names), *lines]))
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) < 50
    assert "\nword " in shown
    assert "\nsame " in shown
    assert "of all 302: " in shown
    assert main(["inspect", str(path), "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 300


def test_columns_are_shown_as_they_are_read_with_what_is_lost_and_far_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "a.csv"
    rows = [f'"$1,{i:03}.50",{i % 28 + 1:02}/03/2021,{"ab"[i % 2]}' for i in range(100)]
    rows[5] = '"$9,000,000",99/99/99,b'
    rows[8] = "sold,01/03/2021,a"
    path.write_text("\n".join(["price,day,y", *rows]))
    assert main(["inspect", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    price = next(line for line in lines if line.startswith("price"))
    assert "1000.5, 1001.5, 1002.5" in price
    assert "1 row without a number" in price
    assert "1 outlier: 9000000" in price
    assert "2021-03-01, 2021-03-02" in next(line for line in lines if line.startswith("day"))


def test_columns_that_give_the_target_away_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "a.csv"
    rows = [f"{'JN'[(i % 2) ^ (i == 7)]},{i % 11},{'' if i == 3 else i % 2}" for i in range(301)]
    path.write_text("\n".join(["decision,n,y", *rows]))
    assert main(["inspect", str(path)]) == 0
    said = capsys.readouterr().out
    assert "column 'decision' predicts the target in 299 of 300 rows" in said
    assert "column 'n'" not in said


def test_one_column_is_one_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "a.csv").write_text("x,y\n" + "1,a\n2,b\n" * 9)
    assert main(["inspect", str(tmp_path / "a.csv")]) == 0
    assert "18 rows, 1 column, 1 used" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["search", "inspect", "leaderboard"])
def test_a_name_too_long_for_a_file_is_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
):
    assert main([verb, str(tmp_path / ("n" * 300 + ".csv"))]) == 2
    assert "too long" in capsys.readouterr().err


def test_a_setting_stands_where_no_option_is_given(tmp_path: Path) -> None:
    steps, goals = tmp_path / "steps.csv", tmp_path / "goals.csv"
    steps.write_text("id,v\n" + "".join(f"{i // 4},{i}\n" for i in range(80)))
    goals.write_text("id,goal\n" + "".join(f"{i},{'pq'[i % 2]}\n" for i in range(20)))
    words = ["--series-id", "id", f"data.series_table={goals}"]
    assert main(["inspect", str(steps), "--target", "goal", *words]) == 0
