import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest

from automl.cli import main
from benchmarks.malformed import __main__ as command
from benchmarks.malformed.draw import KINDS, Draw, Kind
from benchmarks.malformed.judge import faults_of

SLOW = {
    *("huge_cell", "a_hundred_thousand_columns", "many_columns", "bomb", "one_endless_line"),
    *("bomb_in_sheet", "late_nul_byte", "late_long_row", "damaged_compression"),
}


@pytest.mark.parametrize("name", sorted(KINDS.keys() - SLOW))
def test_a_file_of_each_kind_is_read_or_refused_with_a_way_out(tmp_path, monkeypatch, name):
    """Reading alone and in this process, so that it is fast; the command searches as well."""
    monkeypatch.setenv("COLUMNS", "200")
    kind, out = KINDS[name], io.StringIO()
    path = kind.make(Draw(f"{name} 0", tmp_path))
    with redirect_stdout(out), redirect_stderr(out):
        status = main(["inspect", str(path)])
    assert faults_of(kind, status, out.getvalue(), 0.0, 0.0) == []


def test_there_are_many_kinds_and_each_is_drawn_by_its_seed(tmp_path):
    assert len(KINDS) >= 70
    kind = KINDS["changed_bytes"]
    contents = []
    for at, seed in enumerate(("a", "a", "b")):
        (tmp_path / str(at)).mkdir()
        contents.append(kind.make(Draw(seed, tmp_path / str(at))).read_bytes())
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize(
    ("outcome", "status", "printed", "wall_s", "gib", "fault"),
    [
        ("run", 0, "all is well", 1.0, 0.1, None),
        ("run", 2, "a.csv, line 2: no. Save it", 1.0, 0.1, "refused"),
        ("refused", 0, "all is well", 1.0, 0.1, "not refused"),
        ("refused", 2, "a.csv, line 2: no. Save it", 1.0, 0.1, None),
        ("refused", 2, "that cannot be", 1.0, 0.1, "no place or no fix"),
        ("either", 1, "unexpected error", 1.0, 0.1, "exit status 1"),
        ("either", -11, "", 1.0, 0.1, "exit status -11"),
        ("either", 0, "Traceback (most recent call last):", 1.0, 0.1, "traceback"),
        ("either", 0, "all is well", 10.1, 0.1, "10.1 s"),
        ("either", 0, "all is well", 1.0, 2.5, "2.5 GiB"),
    ],
)
def test_what_is_amiss_is_named(outcome, status, printed, wall_s, gib, fault):
    kind = Kind("x", lambda draw: draw.folder, outcome)
    expected = [] if fault is None else [fault]
    assert faults_of(kind, status, printed, wall_s, gib) == expected


def test_the_command_goes_on_where_it_was_and_reports(tmp_path, capsys):
    results = tmp_path / "results.jsonl"
    words = ["run", "--inspect", "--of-a-kind", "1", "--results", str(results)]
    words += ["--only", "not_there", "names_alone"]
    assert command.main([*words, "--at-most", "1"]) == 0
    assert command.main(words) == 0
    assert command.main(words) == 0
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert sorted(line["kind"] for line in lines) == ["names_alone", "not_there"]
    assert "2 files of 2 kinds: 0 runs, 2 refused, 0 amiss" in capsys.readouterr().out
