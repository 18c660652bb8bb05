"""Measures what a GPU, many cores and long budgets bring.

    python -m benchmarks.hardware ROW ... --data FOLDER [--results PATH]
    python -m benchmarks.hardware report [ROW ...] [--results PATH] [--page PATH]

The first measures the units of these rows that are not kept yet, one after another, begins none
that may not end within ``--limit-s``, and appends a line of JSON for each. Start it again until
nothing is left. FOLDER has ``catalog.csv`` (name, file, target, task) and folders of images. It
exits with 0 if all units are kept, 1 if some failed or their table is missing, 3 if a row needs a
GPU or a system that is not there, and 4 if there was no time for some. See docs/hardware.md.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu import gpu_names
from benchmarks.hardware.measuring import measure, peers_root
from benchmarks.hardware.report import to_markdown
from benchmarks.hardware.row import Choices, Row
from benchmarks.hardware.rows import ROWS
from benchmarks.hardware.running import RESULTS, Measure, Outcome, Plan, device_name, run_units
from benchmarks.honesty.report import renew_page
from benchmarks.machine import alone
from benchmarks.systems import find_systems

__all__ = ["FAILED", "LEFT", "MARK", "NEEDS", "main"]

REPORT, MARK = "report", "hardware"
FAILED, NEEDS, LEFT = 1, 3, 4


def main(arguments: Sequence[str] | None = None, measure: Measure = measure) -> int:
    """Measures rows or reports on them; returns the exit status.

    Args:
        arguments: Of the command line.
        measure: Measures a unit.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [REPORT]:
        return _report(_report_parser().parse_args(words[1:]))
    return _run(_parser().parse_args(words), measure)


def _run(options: argparse.Namespace, measure: Measure) -> int:
    plan = Plan(
        data=_folder(options.data),
        results=options.results.absolute(),
        limit_s=options.limit_s,
        label=options.label,
        before=None if options.before is None else _checkout(options.before),
    )
    choices, device = _choices(options, has_before=plan.before is not None), device_name()
    print(f"device: {device}", file=sys.stderr)
    lacking = {name: why for name in options.rows if (why := _lacks(ROWS[name]))}
    for name, why in lacking.items():
        print(f"{name} {why}", file=sys.stderr)
    rows = [ROWS[name] for name in options.rows if name not in lacking]
    if not rows:
        return NEEDS
    # ended from outside, it takes the processes of its unit with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with alone():
        units = [unit for row in rows for unit in row.units(choices)]
        outcome = run_units(units, plan, device, measure)
    _tell(outcome, plan)
    if lacking:
        return NEEDS
    return FAILED if outcome.missing or outcome.failed else LEFT if outcome.left else 0


def _tell(outcome: Outcome, plan: Plan) -> None:
    for text in dict.fromkeys(outcome.missing):
        print(text, file=sys.stderr)
    long = [unit for unit in outcome.left if unit.needs_s > plan.limit_s]
    for unit in long:
        print(f"{unit} needs --limit-s {unit.needs_s:.0f}", file=sys.stderr)
    told = f"{outcome.n_done} measured, {outcome.n_kept} kept before"
    if outcome.failed:
        told += f", {len(outcome.failed)} failed: the same command tries them again"
    n_again = len(outcome.left) - len(long)
    if n_again:
        told += f", {n_again} left: run the same command again"
    print(f"{told}; results: {plan.results}", file=sys.stderr)


def _lacks(row: Row) -> str:
    """Why a row cannot be measured here; "" if it can."""
    if row.needs_gpu and not gpu_names():
        return "needs a GPU"
    if row.system:
        _, missing = find_systems([row.system], peers_root=peers_root())
        if missing:
            name = row.system.partition(":")[0]
            here = f"{sys.executable} cannot import it"
            return f"needs {name}: {here}, and there is no PEERS_ROOT/{name}/bin/python"
    return ""


def _report(options: argparse.Namespace) -> int:
    rows = [row for name, row in ROWS.items() if not options.rows or name in options.rows]
    text = to_markdown(rows, options.results, _choices(options, has_before=True), options.label)
    print(text)
    if options.page:
        renew_page(options.page, text, MARK)
    return 0


def _choices(options: argparse.Namespace, *, has_before: bool) -> Choices:
    return Choices(tuple(options.tables), options.time, has_before)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise SystemExit(f"--data {path}: there is no such folder")
    return path.absolute()


def _checkout(path: Path) -> Path:
    if not (path / "automl").is_dir():
        raise SystemExit(f"--before {path} is not a checkout: it has no folder automl")
    return path.absolute()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hardware",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="+", choices=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables")
    parser.add_argument(
        "--limit-s", type=float, default=530.0, help="seconds after which everything has ended"
    )
    parser.add_argument("--before", type=Path, help="an older checkout, for the row long")
    _add_common(parser)
    return parser


def _report_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hardware report", description="Prints the kept figures."
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="all by default")
    parser.add_argument("--page", type=Path, help="page whose block of results is renewed")
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--label", default="now", help="name of the state that is measured")
    parser.add_argument(
        "--tables", nargs="+", default=(), metavar="TABLE", help="instead of the row's"
    )
    parser.add_argument(
        "--time", type=float, help="seconds of the row's shortest search, to try the command out"
    )


if __name__ == "__main__":
    sys.exit(main())
