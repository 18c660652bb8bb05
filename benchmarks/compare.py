"""Compares us with other systems: same tables, divisions, cores and seconds.

    python -m benchmarks.compare run --catalog tables/catalog.csv --time 60
    python -m benchmarks.compare report runs/benchmark/results.jsonl

The first runs what is not done yet and may be stopped and started again at any time; the second
writes tables and plots of what is there. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import alone
from benchmarks.report import write_readme, write_report
from benchmarks.results import read_results
from benchmarks.series import REASONS, Series, run_series
from benchmarks.standings import comparisons
from benchmarks.systems import DEFAULT_SYSTEMS, OURS, find_systems
from benchmarks.tables import read_catalog

__all__ = ["main"]

RESULTS = Path("runs/benchmark/results.jsonl")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a series or reports on one."""
    options = _parser().parse_args(arguments)
    options.verb(options)


def _run(options: argparse.Namespace) -> None:
    root = os.environ.get("PEERS_ROOT")
    systems, missing = find_systems(
        options.systems,
        dict(options.peer),
        dict(options.adapter),
        Path(root) if root else None,
    )
    for one, why in missing.items():
        print(f"{one} is left out: {why}", file=sys.stderr)
    if not systems:
        raise SystemExit("none of the systems can be run")
    read_catalog(options.catalog, options.tables)  # refuses a name that it does not have
    series = Series(
        entries=read_catalog(options.catalog),
        tables=options.tables,
        systems=systems,
        seeds=options.seed,
        time_s=options.time,
        n_cores=options.cores,
        results=options.results.absolute(),
        retry=options.retry,
    )
    # ended by anybody, it takes the processes of the run with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with alone():
        run_series(series)


def _report(options: argparse.Namespace) -> None:
    results = [
        result
        for path in options.results
        for result in read_results(path)
        if not options.time or result["time_s"] in options.time
    ]
    found = comparisons(results, options.systems, options.ours)
    if not found:
        raise SystemExit("no results")
    folder = options.out or options.results[0].parent / "report"
    print(write_report(found, folder).read_text("utf-8"))
    if options.readme:
        write_readme(found, options.readme, options.images)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    run = verbs.add_parser("run", help="run what is not done yet")
    run.set_defaults(verb=_run)
    run.add_argument("--catalog", type=Path, required=True, help="CSV: name, file, target, task")
    run.add_argument("--time", type=float, default=60.0, help="seconds of a run")
    run.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    run.add_argument("--seed", type=int, nargs="+", default=[0])
    run.add_argument("--tables", nargs="+", default=(), metavar="TABLE", help="all by default")
    run.add_argument("--systems", nargs="+", default=DEFAULT_SYSTEMS, metavar="NAME[:VARIANT]")
    run.add_argument("--peer", type=_named_path, action="append", default=[], metavar="NAME=PYTHON")
    run.add_argument(
        "--adapter", type=_named_path, action="append", default=[], metavar="NAME=SCRIPT"
    )
    run.add_argument("--results", type=Path, default=RESULTS)
    run.add_argument("--retry", nargs="+", choices=list(REASONS), default=(), help="repeat these")
    report = verbs.add_parser("report", help="write tables and plots")
    report.set_defaults(verb=_report)
    report.add_argument("results", type=Path, nargs="*", default=[RESULTS])
    report.add_argument("--time", type=float, nargs="+", default=(), help="only these budgets")
    report.add_argument("--systems", nargs="+", default=(), help="only these")
    report.add_argument("--ours", default=OURS, help="the system that the others are held against")
    report.add_argument("--out", type=Path, help="folder; report beside the results by default")
    report.add_argument("--readme", type=Path, help="page whose block of results is renewed")
    report.add_argument("--images", type=Path, default=Path("docs/images"), help="of that page")
    return parser


def _named_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path).absolute()


if __name__ == "__main__":
    main()
