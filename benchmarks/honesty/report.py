"""The table of all measurements: figure, bar and verdict, for each state that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.honesty.row import Line, Row, Verdict
from benchmarks.honesty.tables import RESULTS_FILE, judge_tables
from benchmarks.results import read_results

__all__ = ["renew_page", "tables_to_markdown", "to_markdown"]

MARK = "honesty"

HEAD = "| what | state | figure | has to be | holds | units |\n|---|---|---|---|---|---|"
WORDS = {True: "yes", False: "**no**", None: ""}


def to_markdown(rows: Sequence[Row], results: Path) -> str:
    """A table for each row that has results, with a line for each figure of each state."""
    blocks = []
    for row in rows:
        lines = read_results(results / f"{row.name}.jsonl")
        labels = list(dict.fromkeys(line["label"] for line in lines))
        table = [
            _line(label, verdict)
            for label in labels
            for verdict in row.judge([line for line in lines if line["label"] == label])
        ]
        if table:
            states = "; ".join(_state(label, lines) for label in labels)
            text = "\n".join([f"### {row.name}: {row.what}", "", HEAD, *table, "", states])
            blocks.append(text)
    return "\n\n".join(blocks)


def tables_to_markdown(results: Path) -> str:
    """The same for the tables of a catalog; empty without results."""
    found = read_results(results / RESULTS_FILE)
    table = [_line("", verdict) for verdict in judge_tables(found)]
    if not table:
        return ""
    title = "### tables: what is reached in the same time, before and after"
    states = [f"{r['system']}: commit {r['git']}" for r in found]
    return "\n".join([title, "", HEAD, *table, "", "; ".join(dict.fromkeys(states))])


def renew_page(page: Path, text: str, name: str = MARK) -> None:
    """Replaces the text between the two marks of a page.

    Args:
        page: The page.
        text: The new text.
        name: In the marks, ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``.

    Raises:
        SystemExit: The page lacks a mark.
    """
    first, last = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin, rest = page.read_text("utf-8").partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise SystemExit(f"{page} has no lines {first} and {last}")
    page.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}", encoding="utf-8")


def _line(label: str, verdict: Verdict) -> str:
    units = f"{verdict.n}" if verdict.n >= verdict.n_asked else f"{verdict.n} of {verdict.n_asked}"
    cells = verdict.what, label, verdict.value, verdict.bar, WORDS[verdict.is_met], units
    return "| " + " | ".join(cells) + " |"


def _state(label: str, lines: Sequence[Line]) -> str:
    """Commits and machines under a label."""
    own = [line for line in lines if line["label"] == label]
    commits = ", ".join(dict.fromkeys(line["git"] for line in own))
    machines = dict.fromkeys(
        f"{line['machine']['cores']} cores of {line['machine']['processor']}" for line in own
    )
    return f"{label}: commit {commits}; {', '.join(machines)}"
