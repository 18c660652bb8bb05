from __future__ import annotations

import io

from rich.console import Console

from automl.cli.display.live_view import LiveView
from automl.events import Event, FamilyCounts, Progress, SearchFinished


def _terminal(width: int = 80, height: int = 24) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system=None,
        width=width,
        height=height,
        markup=False,
        highlight=False,
        legacy_windows=False,
    )


def _picture(view: LiveView, width: int = 80) -> list[str]:
    paper = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    paper.print(view.picture())
    return [line.rstrip() for line in paper.file.getvalue().splitlines()]


def _after(events: list[Event], n: int, console: Console) -> LiveView:
    view = LiveView(console, "data[red].csv")
    for event in events[:n]:
        view(event)
    return view


def test_before_the_data_is_read_the_picture_says_so(events: list[Event]):
    assert "reading data[red].csv" in _picture(LiveView(_terminal(), "data[red].csv"))[0]
    assert "starting workers" in _picture(_after(events, 2, _terminal()))[0]


def test_the_picture_shows_time_families_and_scores(events: list[Event]):
    lines = _picture(_after(events, 9, _terminal()))
    text = "\n".join(lines)
    assert "left of 1:00" in text
    assert next(line for line in lines if line.startswith("svm")).split()[1:] == [
        "1",
        "·",
        "·",
        "·",
        "0.9000",
    ]
    assert next(line for line in lines if line.startswith("mlp")).split()[1:] == [
        "·",
        "·",
        "·",
        "2",
    ]
    assert "best 0.9000 svm-0   ensemble 0.9100" in lines
    assert lines[-1] == "   0:04  mlp-1 failed: memory: needed 3 GiB"


def test_the_picture_fits_a_small_terminal(events: list[Event]):
    families = {f"family_{i}": FamilyCounts() for i in range(10)}
    view = _after(events, 9, _terminal(60, 20))
    view(Progress(4.0, 56.0, "searching", families, (), "svm-0", 0.9, 0.91))
    lines = _picture(view, 60)
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 60


def test_trials_that_are_cut_have_a_column_where_there_are_any(events: list[Event]):
    view = _after(events, 9, _terminal())
    view(Progress(60.0, 0.0, "finishing", {"svm": FamilyCounts(complete=2, cut=3)}))
    head, row = (_picture(view)[i].split() for i in (3, 5))
    assert head[:5] == ["family", "done", "running", "pruned", "cut"]
    assert row[:5] == ["svm", "2", "·", "·", "3"]


def test_a_trial_budget_fills_the_bar_by_trials(events: list[Event]):
    import dataclasses

    start = dataclasses.replace(events[1], time_s=None, trials=4)
    view = _after([start], 1, _terminal())
    view(Progress(4.0, None, "searching", {"svm": FamilyCounts(complete=2)}))
    line = _picture(view)[1]
    assert "2 of 4 trials" in line


def test_only_head_and_notes_stay_when_the_search_is_over(events: list[Event]):
    console = _terminal()
    with LiveView(console, "data.csv") as view:
        for event in events:
            view(event)
    left = _what_stays(console.file.getvalue())
    assert "[red]y (binary, judged by roc_auc)" in left
    assert "column 'id' left out" in left
    assert "left of" not in left
    assert "family" not in left


def test_notes_before_a_failure_are_shown(events: list[Event]):
    console = _terminal()
    with LiveView(console, "data.csv") as view:
        view(events[0])
    assert "column 'id' left out" in _what_stays(console.file.getvalue())


def test_a_terminal_that_is_gone_does_not_end_the_search(events: list[Event]):
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    view = LiveView(Console(file=Gone(), width=80, color_system=None), "data.csv")
    for event in events:
        view(event)
    view.__exit__(None, None, None)
    assert isinstance(view.output_error, OSError)
    assert isinstance(view.finished, SearchFinished)


def _what_stays(written: str) -> str:
    """Plays the few control sequences that rich writes: cursor up, erase line."""
    import re

    lines, row = [""], 0
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", written):
        if part == "\n":
            row += 1
            lines += [""] * (row >= len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif match := re.fullmatch(r"\x1b\[(\d+)A", part):
            row = max(0, row - int(match[1]))
        elif not part.startswith(("\x1b", "\r")):
            lines[row] += part
    return "\n".join(lines)


def test_families_without_a_trial_yet_are_one_count(events: list[Event]):
    view = _after(events, 9, _terminal())
    counts = {"linear": FamilyCounts(2, 1), **{f"family{i}": FamilyCounts() for i in range(14)}}
    view(Progress(1.0, 59.0, "searching", counts))
    shown = "\n".join(_picture(view))
    assert "linear" in shown
    assert "14 to come" in shown
    assert "family3" not in shown
