from __future__ import annotations

import io

from automl.cli.display.line_view import LineView
from automl.cli.display.watcher import Watcher
from automl.events import Event, Progress


def _lines(events: list[Event], verbose: bool = False) -> list[str]:
    file = io.StringIO()
    with LineView(file, "data.csv", verbose) as view:
        for event in events:
            view(event)
    assert view.finished is not None
    return file.getvalue().splitlines()


def test_the_start_says_what_is_predicted_and_how_to_override(events: list[Event]):
    lines = _lines(events)
    assert "data      data.csv: 1,000 rows, 7 columns" in lines
    assert "target    [red]y (binary, judged by roc_auc)" in lines
    assert "          guessed: the last column; override with --target" in lines
    assert "budget    1:00 on 2 CPUs" in lines


def test_a_best_model_and_a_kind_of_failure_are_told_once(events: list[Event]):
    lines = _lines(events)
    assert lines.count("    0:02  best: svm-0 0.9000 ± 0.0100 in 1.5 s") == 1
    assert [line for line in lines if "failed" in line] == [
        "    0:03  mlp-0 failed: memory: needed 3 GiB"
    ]
    assert not any("pruned" in line or "starts" in line for line in lines)


def test_a_note_cannot_steer_the_terminal(events: list[Event]):
    assert "note      column 'id' left out" in _lines(events)


def test_silence_is_broken_once_a_minute(events: list[Event]):
    alive = "    1:10  3 trials, best 0.9000"
    assert _lines(events).count(alive) == 1
    soon = Progress(71.0, 0.0, "finishing", {}, (), "svm-0", 0.9)
    assert _lines([*events, soon])[-1] == alive


def test_verbose_tells_every_event(events: list[Event]):
    lines = _lines(events, verbose=True)
    for line in (
        "    0:01  svm-0 starts",
        "    0:02  ensemble 0.9100 of 1 member",
        "    0:04  mlp-1 failed: memory: needed 3 GiB",
        "    0:05  svm-1 pruned: losing",
        "    1:11  finished: stopped by time",
    ):
        assert line in lines


def test_a_reader_that_is_gone_does_not_end_the_search(events: list[Event]):
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    view = LineView(Gone(), "data.csv")
    for event in events:
        view(event)
    assert isinstance(view.output_error, BrokenPipeError)
    assert (view.run, view.finished) == ("runs/first", events[-1])


def test_quiet_shows_nothing_and_remembers_the_run(events: list[Event], capsys):
    with Watcher() as watcher:
        for event in events:
            watcher(event)
    assert watcher.run == "runs/first"
    assert capsys.readouterr() == ("", "")
