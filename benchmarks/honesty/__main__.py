"""Tells whether the scores of a search are true.

    python -m benchmarks.honesty run noise signal --label after --jobs 2
    python -m benchmarks.honesty run noise signal --label before --tree ../older-checkout
    python -m benchmarks.honesty report

The first two run what is not kept yet, and may be stopped and started again at any time; the last
prints a table of all rows, with what each figure has to be. See docs/honest-scores.md.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.honesty.report import to_markdown
from benchmarks.honesty.rows import ROWS
from benchmarks.honesty.running import RESULTS, Plan, run_row
from benchmarks.machine import ROOT, alone

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs rows, or reports on them."""
    options = _parser().parse_args(arguments)
    options.verb(options)


def _run(options: argparse.Namespace) -> None:
    tree = options.tree.absolute()
    if not (tree / "automl").is_dir():
        raise SystemExit(f"--tree {tree} is no checkout: it has no folder automl")
    plan = Plan(
        label=options.label,
        tree=tree,
        seeds=options.seeds,
        parts=tuple(options.parts),
        jobs=options.jobs,
        cores=options.cores,
        results=options.results.absolute(),
        retry=options.retry,
    )
    # ended by anybody, it takes the processes of its units with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for name in options.rows:
        row = ROWS[name]
        if row.is_timed:
            with alone():
                run_row(row, plan)
        else:
            run_row(row, plan)


def _report(options: argparse.Namespace) -> None:
    text = to_markdown([ROWS[name] for name in options.rows or ROWS], options.results)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.honesty",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    run = verbs.add_parser("run", help="run what is not kept yet")
    run.set_defaults(verb=_run)
    run.add_argument("rows", nargs="+", choices=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    run.add_argument("--label", default="now", help="name of the state that is measured")
    run.add_argument("--tree", type=Path, default=ROOT, help="checkout to measure; this one")
    run.add_argument("--seeds", type=int, help="so many seeds; all of the row by default")
    run.add_argument("--parts", nargs="+", default=(), help="these families, or ensemble")
    run.add_argument("--jobs", type=int, default=1, help="processes of one thread side by side")
    run.add_argument("--cores", type=int, default=2, help="of a unit whose seconds count")
    run.add_argument("--retry", action="store_true", help="repeat what failed")
    run.add_argument("--results", type=Path, default=RESULTS)
    report = verbs.add_parser("report", help="print the table of what is kept")
    report.set_defaults(verb=_report)
    report.add_argument("rows", nargs="*", metavar="ROW", help="all by default")
    report.add_argument("--results", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
