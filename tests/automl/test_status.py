"""Notes, and the line that says how a search stands, on streams of all kinds."""

import io
import itertools
import sys
import types

import pytest

from automl.events import (
    FamilyCounts,
    Note,
    Progress,
    SearchFinished,
    SearchStarted,
    TrialFinished,
)
from automl.status import StatusLine, make_status

START = SearchStarted(
    "runs/a", 100, 4, "y", "binary", "roc_auc", "", ("linear",), "5 folds", 2, 0, 60.0, 30
)
PROGRESS = Progress(12.0, 48.0, "searching", {"linear": FamilyCounts(3, 1)}, (), "linear-2", 0.9)
TRIAL = TrialFinished("linear-2", "linear", "complete", 0.9, None, 1.0, "", "", 12.0)
END = SearchFinished("runs/a", "time", 3, 1, 0, (), 0.91, {"linear-2": 1.0}, 60.0, ("give more",))
EVENTS = (START, Note("column 'id' is left out"), PROGRESS, TRIAL, END)


class Terminal(io.StringIO):
    encoding = "ascii"

    def isatty(self):
        return True


def shown_on(file, **options):
    line = StatusLine(file, **options)
    for event in EVENTS:
        line(event)
    line.close()
    return file.getvalue()


def screen(text):
    """The lines that a terminal shows in the end."""
    lines = [[]]
    for part in text.replace("\n", "\r\n").split("\r"):
        if part.startswith("\n"):
            lines.append([])
            part = part[1:]
        lines[-1][: len(part)] = part
    return ["".join(line).rstrip() for line in lines]


def test_a_terminal_keeps_the_notes_and_the_end_alone():
    assert screen(shown_on(Terminal())) == [
        "automl: column 'id' is left out",
        "automl: give more",
        "automl: 4 trials in 1:00, roc_auc 0.9100: runs/a",
        "",
    ]


def test_the_line_says_how_the_search_stands():
    file = Terminal()
    line = StatusLine(file, clock=itertools.count(0.0, 10.0).__next__)
    assert file.getvalue().strip("\r") == "automl: reading the data"
    line(START)
    line(PROGRESS)
    assert screen(file.getvalue()) == [
        "automl: 0:12 of 1:00, 3 of 30 trials, best roc_auc 0.9000 linear-2"
    ]


def test_the_line_is_not_drawn_again_at_once():
    file = Terminal()
    line = StatusLine(file, clock=lambda: 5.0)
    line(START)
    line(PROGRESS)
    assert screen(file.getvalue()) == ["automl: starting"]


def test_the_line_fits_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    file = Terminal()
    line = StatusLine(file, clock=itertools.count(0.0, 10.0).__next__)
    line(START)
    line(PROGRESS)
    assert max(map(len, file.getvalue().split("\r"))) == 29


def test_a_pipe_gets_the_notes_alone():
    assert shown_on(io.StringIO()) == "automl: column 'id' is left out\nautoml: give more\n"


def test_each_trial_has_a_line_where_that_is_wanted():
    assert "automl: 0:12 linear-2 0.9000 in 1.0 s\n" in shown_on(io.StringIO(), trials=True)


def test_a_note_is_written_once():
    file = io.StringIO()
    line = StatusLine(file)
    for _ in range(2):
        line(Note("half the rows are missing"))
    assert file.getvalue().count("half the rows") == 1


def test_letters_that_the_stream_lacks_are_spelled_out():
    file = Terminal()
    StatusLine(file)(Note("column 'größe' is left out"))
    assert "gr\\xf6\\xdfe" in file.getvalue()


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_stream_that_is_gone_ends_nothing(error):
    class Gone(io.StringIO):
        def write(self, text):
            raise error

    assert shown_on(Gone()) == ""


def test_without_a_standard_error_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert make_status(1) is None


def test_a_notebook_has_one_text_that_is_replaced(monkeypatch, capsys):
    """With a stand-in for the two functions of IPython that are called."""
    texts = []

    class Handle:
        def update(self, content, raw):
            assert raw
            texts[-1] = content["text/plain"]

    def display(content, raw, display_id):
        assert raw
        assert display_id
        texts.append(content["text/plain"])
        return Handle()

    python = types.ModuleType("IPython")
    python.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    shown = types.ModuleType("IPython.display")
    shown.display = display
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    line = make_status(1)
    for event in EVENTS:
        line(event)
    assert texts == ["automl: 4 trials in 1:00, roc_auc 0.9100: runs/a"]
    assert capsys.readouterr().err == "automl: column 'id' is left out\nautoml: give more\n"
