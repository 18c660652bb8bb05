"""Tells whether the scores of a search are true.

    python -m benchmarks.honesty run noise signal --label after --jobs 2
    python -m benchmarks.honesty run noise signal --label before --tree ../older-checkout
    python -m benchmarks.honesty tables --catalog PATH --before ../older-checkout
    python -m benchmarks.honesty report

The first three run what is not kept yet, and may be stopped and started again at any time; the
last prints a table of all rows, with what each figure has to be. See docs/honest-scores.md.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.honesty.report import renew_page, tables_to_markdown, to_markdown
from benchmarks.honesty.rows import ROWS
from benchmarks.honesty.running import RESULTS, Plan, run_row
from benchmarks.honesty.tables import AFTER, BEFORE, run_tables
from benchmarks.machine import ROOT, alone
from benchmarks.series import REASONS

__all__ = ["main"]

TABLES = "tables"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs rows, or reports on them."""
    options = _parser().parse_args(arguments)
    options.verb(options)


def _run(options: argparse.Namespace) -> None:
    plan = Plan(
        label=options.label,
        tree=_checkout(options.tree),
        seeds=options.seeds,
        parts=tuple(options.parts),
        jobs=options.jobs,
        cores=options.cores,
        results=options.results.absolute(),
        retry=options.retry,
    )
    _end_with_processes()
    for name in options.rows:
        row = ROWS[name]
        if row.is_timed:
            with alone():
                run_row(row, plan)
        else:
            run_row(row, plan)


def _tables(options: argparse.Namespace) -> None:
    trees = {BEFORE: _checkout(options.before), AFTER: _checkout(options.after)}
    _end_with_processes()
    with alone():
        run_tables(
            options.catalog,
            trees,
            options.results.absolute(),
            tables=options.tables,
            seeds=options.seed,
            time_s=options.time,
            n_cores=options.cores,
            retry=options.retry,
        )


def _report(options: argparse.Namespace) -> None:
    unknown = set(options.rows) - {*ROWS, TABLES}
    if unknown:
        raise SystemExit(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    text = to_markdown([ROWS[n] for n in options.rows or ROWS if n in ROWS], options.results)
    if not options.rows or TABLES in options.rows:
        text = f"{text}\n\n{tables_to_markdown(options.results)}".strip()
    print(text or "no results")
    if options.page:
        renew_page(options.page, text)


def _checkout(path: Path) -> Path:
    if not (path / "automl").is_dir():
        raise SystemExit(f"{path} is no checkout: it has no folder automl")
    return path.absolute()


def _end_with_processes() -> None:
    """Ended by anybody, this process takes those of its units with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


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
    tables = verbs.add_parser(TABLES, help="run two checkouts on the tables of a catalog, in turns")
    tables.set_defaults(verb=_tables)
    tables.add_argument("--catalog", type=Path, required=True, help="CSV: name, file, target, task")
    tables.add_argument("--before", type=Path, required=True, help="the older checkout")
    tables.add_argument("--after", type=Path, default=ROOT, help="the newer one; this one")
    tables.add_argument("--time", type=float, default=60.0, help="seconds of a search")
    tables.add_argument("--cores", type=int, default=2)
    tables.add_argument("--seed", type=int, nargs="+", default=[0, 1])
    tables.add_argument("--tables", nargs="+", default=(), metavar="TABLE", help="all by default")
    tables.add_argument("--retry", nargs="+", choices=list(REASONS), default=())
    tables.add_argument("--results", type=Path, default=RESULTS)
    report = verbs.add_parser("report", help="print the table of what is kept")
    report.set_defaults(verb=_report)
    report.add_argument("rows", nargs="*", metavar="ROW", help="all by default")
    report.add_argument("--page", type=Path, help="page whose block of results is renewed")
    report.add_argument("--results", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
