"""Whether what came of a file is what has to come of it."""

from __future__ import annotations

import re

from benchmarks.malformed.draw import Kind

__all__ = ["MOST_GIB", "MOST_S", "faults_of"]

MOST_S, MOST_GIB = 10.0, 2e9 / 2**30
_FIX = re.compile(
    r"(?i)\b(save|write|use|give|set|put|name|add|check|close|compress|decompress|delete|fill|"
    r"correct|rename|drop|choose|pip install|export|empty the cell|needs?|are needed|supported|"
    r"did you mean|one .* a line|turn|take|make|unlock|download|shorten|separate)\b"
)
_PLACE = re.compile(
    r"(?i)line \d+|row \d+|column|target|names?\b|data|sheet|file|folder|\.\w{2,7}\b"
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|panicked at|core dumped")


def faults_of(kind: Kind, status: int, printed: str, wall_s: float, peak_gib: float) -> list[str]:
    """Says what is wrong with how a file was taken; nothing where all is well.

    Args:
        kind: Of the file.
        status: Exit status of the command.
        printed: All that it printed.
        wall_s: Seconds it took.
        peak_gib: Memory it took.
    """
    faults = []
    if _TRACEBACK.search(printed):
        faults.append("traceback")
    if status not in (0, 2):
        faults.append(f"exit status {status}")
    if wall_s > MOST_S:
        faults.append(f"{wall_s:.1f} s")
    if peak_gib > MOST_GIB:
        faults.append(f"{peak_gib:.1f} GiB")
    if status == 0 and kind.outcome == "refused":
        faults.append("not refused")
    if status == 2:
        if kind.outcome == "run":
            faults.append("refused")
        if not (_PLACE.search(printed) and _FIX.search(printed)):
            faults.append("no place or no fix")
    is_said = re.search(kind.says, printed)
    if kind.says and not is_said and (status == 2 or kind.outcome == "run"):
        faults.append(f"does not say {kind.says!r}")
    return faults
