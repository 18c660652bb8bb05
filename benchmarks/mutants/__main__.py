"""Mutation testing: tests each mutant of some modules, and counts those that no test notices.

    python -m benchmarks.mutants --n 400
    python -m benchmarks.mutants --survivors

Results are kept in ``results.jsonl`` beside this file, so that a run that was stopped goes on. A
killed mutant is tested again when its module has changed, a survivor also when the tests have. The
sample is the same on every machine: it is drawn by ``random.Random(0)``. Messages are not changed,
nor what only a type checker reads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.mutants.operators import module_mutants
from benchmarks.mutants.running import Row, run_mutants

__all__ = ["TARGETS", "main", "sample"]

TARGETS = {
    "automl/tuning/prune": "tests/automl/tuning/prune",
    "automl/tuning/propose/allocator.py": "tests/automl/tuning/propose/test_allocator.py",
    "automl/ensemble/selection.py": "tests/automl/ensemble/test_selection.py",
    "automl/data/split": "tests/automl/data/split",
    "automl/tuning/budget": "tests/automl/tuning/budget",
}
"""Modules where a wrong number decides, and the tests that must notice it."""

RESULTS = Path(__file__).parent / "results.jsonl"

Key = tuple[str, int, int]
"""Path, node, variant."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Tests a sample of the mutants; prints each, the survivors, and the share killed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--n", type=int, default=400, help="mutants, of all targets together")
    parser.add_argument("--target", choices=TARGETS, help="test only those of the sample in it")
    parser.add_argument("--survivors", action="store_true", help="run nothing, show what is known")
    args = parser.parse_args(arguments)
    drawn = sample(args.n)
    for target in [] if args.survivors else [args.target] if args.target else TARGETS:
        known = _known(drawn)
        RESULTS.write_text("".join(json.dumps(row) + "\n" for row in known), encoding="utf-8")
        settled = {_key(row) for row in known}
        due = [row for row in drawn if row["target"] == target and _key(row) not in settled]
        if due:
            run_mutants(due, TARGETS[target], RESULTS)
    _print_summary(_known(drawn))


def sample(n: int) -> list[Row]:
    """``n`` mutants of all targets, each with digests of its module and of the tests."""
    rows: list[Row] = []
    for target, tests in TARGETS.items():
        tests_digest = _digest(_modules(tests))
        for module in _modules(target):
            state = {"target": target, "module": _digest([module]), "tests": tests_digest}
            rows += [asdict(mutant) | state for mutant in module_mutants(str(module))]
    random.Random(0).shuffle(rows)
    return rows[:n]


def _modules(path: str) -> list[Path]:
    """A file, or those of a folder."""
    return [Path(path)] if path.endswith(".py") else sorted(Path(path).glob("*.py"))


def _digest(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _key(row: Row) -> Key:
    return row["path"], row["node"], row["variant"]


def _known(drawn: Sequence[Row]) -> list[Row]:
    """Results of the drawn mutants that still hold."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    found = {_key(row): row for row in map(json.loads, lines)}
    pairs = [(row, found[_key(row)]) for row in drawn if _key(row) in found]
    return [
        old
        for row, old in pairs
        if old["module"] == row["module"]
        and (old["outcome"] != "survived" or old["tests"] == row["tests"])
    ]


def _print_summary(rows: Sequence[Row]) -> None:
    """The survivors, then the share killed of each module and of all."""
    for row in rows:
        if row["outcome"] == "survived":
            print(f"{row['path']}:{row['line']} {row['operator']}: {row['before']}")
            print(f"    -> {row['after']}")
    for path in [*sorted({row["path"] for row in rows}), ""]:
        mine = [row for row in rows if row["path"].startswith(path)]
        killed = sum(row["outcome"] != "survived" for row in mine)
        print(f"{killed / max(1, len(mine)):6.1%} of {len(mine):3} killed  {path or 'all'}")


if __name__ == "__main__":
    main()
