"""Tables that are piped in."""

import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

import automl
from automl.cli import main, stdin
from automl.cli.stdin import readable
from automl.errors import UserError
from automl.store.files import read_json
from automl.store.run_dir import RunDir

ROWS = "id,x\n007,1.5\n008,2.5\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("piped")
    lines = [f"{i:03},{i * 1.5},{'ab'[i % 2]}" for i in range(40)]
    (folder / "data.csv").write_text("\n".join(["id,x,y", *lines]))
    options = ("family=[baseline]", "search.folds=2")
    data, out = str(folder / "data.csv"), str(folder / "run")
    automl.search(data, "y", trials=1, out=out, overrides=options)
    return out


def pipe_in(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("word", ["-", "/dev/stdin"])
def test_rows_from_standard_input_are_predicted_and_columns_kept(run, word, monkeypatch, capsys):
    pipe_in(monkeypatch, ROWS.encode())
    assert main(["predict", run, word, "--keep", "id"]) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.split()] == ["id", "007", "008"]


def test_a_test_table_may_be_piped_in(run, monkeypatch, capsys):
    pipe_in(monkeypatch, b"x,y\n1.5,a\n2.5,b\n")
    assert main(["leaderboard", run, "--test", "-"]) == 0
    assert "test" in capsys.readouterr().out


def test_a_named_pipe_is_read(run, tmp_path, capsys):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(ROWS,))
    writer.start()
    assert main(["predict", run, str(path), "--keep", "id"]) == 0
    writer.join()
    assert "007" in capsys.readouterr().out


def test_a_pipe_that_no_program_writes_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(stdin, "WRITER_S", 0.01)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="start that program first"), readable(f"{tmp_path}/pipe"):
        pass


@pytest.mark.parametrize(
    ("start", "ending"),
    [(b"PAR1", ".parquet"), (b"PK\x03\x04", ".xlsx"), (b'{"a": 1}', ".jsonl"), (b"a,b", ".csv")],
)
def test_the_format_is_told_by_the_first_bytes_and_nothing_is_lost(monkeypatch, start, ending):
    content = start + b"more" * 100_000
    pipe_in(monkeypatch, content)
    with readable("-") as path:
        assert path.endswith(f"stdin{ending}")
        assert Path(path).read_bytes() == content
    assert not Path(path).exists()


def test_nothing_piped_in_is_said(monkeypatch):
    pipe_in(monkeypatch, b"")
    with pytest.raises(UserError, match="standard input is empty"), readable("-"):
        pass


def test_a_terminal_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(UserError, match="there is no input"), readable("-"):
        pass


def test_other_words_are_left_alone():
    with readable("postgresql://host/db") as word:
        assert word == "postgresql://host/db"


def test_a_search_reads_standard_input_and_is_resumed_without_it(tmp_path, monkeypatch, capsys):
    rows = "x,y\n" + "".join(f"{i % 7},{'ab'[i % 2]}\n" for i in range(60))
    out = str(tmp_path / "run")
    words = ["--trials", "1", "--out", out, "family=[baseline]", "search.folds=2", "-q"]
    pipe_in(monkeypatch, rows.encode())
    assert main(["search", "-", *words]) == 0
    assert read_json(RunDir(Path(out)).manifest)["data"]["path"] == "stdin"
    pipe_in(monkeypatch, b"")
    assert main(["resume", out, "--trials", "2", "-q"]) == 0
    pipe_in(monkeypatch, rows.encode())
    assert main(["search", "-", *words, "--resume"]) == 0
    pipe_in(monkeypatch, rows.replace("6,", "9,").encode())
    assert main(["search", "-", *words, "--resume"]) == 2
    assert "other values in the same columns" in capsys.readouterr().err


def test_standard_input_is_inspected_under_its_name(monkeypatch, capsys):
    pipe_in(monkeypatch, b"x,y\n" + b"1,a\n2,b\n" * 9)
    assert main(["inspect", "-", "data.drop=[]"]) == 0
    assert "stdin: 18 rows" in capsys.readouterr().out
