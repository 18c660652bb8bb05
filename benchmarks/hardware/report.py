"""The table of all rows: figure, bar, whether it holds, and the device that it was measured on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.hardware.row import ALL, Choices, Line, Row, Verdict
from benchmarks.hardware.running import lines_of
from benchmarks.results import read_results

__all__ = ["to_markdown"]

HEAD = "| row | what | figure | bar | holds | units | device |\n|---|---|---|---|---|---|---|"
WORDS = {True: "yes", False: "**no**", None: ""}
NOT_MEASURED = "not measured"


def to_markdown(rows: Sequence[Row], results: Path, choices: Choices, label: str) -> str:
    """A table with the verdicts of each row and device; rows without figures are in it as well.

    Args:
        rows: In their order.
        results: File of the results.
        choices: The same as when they were measured.
        label: Name of the state.
    """
    lines = [line for line in read_results(results) if line["label"] == label]
    devices = list(dict.fromkeys(line["device"] for line in lines))
    table, used = [], []
    for row in rows:
        cells = []
        for device in devices:
            own = lines_of(row.units(choices), [one for one in lines if one["device"] == device])
            found = row.judge(own, row.units(choices))
            cells += [_line(row.name, verdict, device) for verdict in found]
            used += own if found else []
        table += cells or [_nothing(row, choices)]
    return "\n".join([HEAD, *table, "", _states(used)]).rstrip()


def _line(name: str, verdict: Verdict, device: str) -> str:
    units = f"{verdict.n}" if verdict.n >= verdict.n_asked else f"{verdict.n} of {verdict.n_asked}"
    holds = WORDS[verdict.is_met]
    if verdict.is_met is None and verdict.bar:
        holds = NOT_MEASURED
    cells = name, verdict.what, verdict.value, verdict.bar, holds, units, device
    return "| " + " | ".join(cells) + " |"


def _nothing(row: Row, choices: Choices) -> str:
    wants_card = row.needs_gpu or any(unit.key.get("gpus") == ALL for unit in row.units(choices))
    holds = f"{NOT_MEASURED} on a card yet" if wants_card else NOT_MEASURED
    return f"| {row.name} | {row.what} | | | {holds} | | |"


def _states(lines: Sequence[Line]) -> str:
    """Commits by device."""
    commits: dict[str, dict[str, None]] = {}
    for line in lines:
        state = " (before)" if line["key"].get("state") == "before" else ""
        commits.setdefault(line["device"], {})[f"{line['git']}{state}"] = None
    return "; ".join(f"{device}: commit {', '.join(own)}" for device, own in commits.items())
