"""``python -m benchmarks.malformed``: what comes of files that are no good tables."""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.malformed import cells, others, sheets, texts  # noqa: F401 - they register their kinds
from benchmarks.malformed.draw import KINDS, Draw, Kind
from benchmarks.malformed.judge import MOST_GIB, MOST_S, faults_of
from benchmarks.process import run_watched
from benchmarks.results import BUSY_CORES, append_result, read_results

__all__ = ["main", "take"]

MOST_OF_A_KIND = 10
LIMIT_S = 60.0
SEARCH = ("--trials", "1", "family=[baseline]", "search.folds=2", "--seed", "0")


def main(argv: Sequence[str] | None = None) -> int:
    """Makes files, has each read, and prints a table; what was done before is not done again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.malformed", description=__doc__)
    parser.add_argument("verb", choices=("run", "report", "kinds"))
    parser.add_argument("--results", type=Path, default=Path("runs/malformed/results.jsonl"))
    parser.add_argument("--of-a-kind", type=int, default=4, help="files of each kind, at most 10")
    parser.add_argument("--only", nargs="*", default=[], metavar="KIND")
    parser.add_argument("--inspect", action="store_true", help="read alone, and search nothing")
    parser.add_argument("--at-most", type=int, help="stop after so many files")
    options = parser.parse_args(argv)
    if options.verb == "kinds":
        for kind in KINDS.values():
            print(f"{kind.name:32} {kind.outcome:8} {(kind.make.__doc__ or '').splitlines()[0]}")
        return 0
    if options.verb == "run":
        _run(options)
    return _report(read_results(options.results))


def _run(options: argparse.Namespace) -> None:
    done = {(r["kind"], r["seed"], r["verb"]) for r in read_results(options.results)}
    verb, n_done = "inspect" if options.inspect else "search", 0
    for seed in range(min(options.of_a_kind, MOST_OF_A_KIND)):
        for kind in _wanted(options.only):
            if (kind.name, seed, verb) in done:
                continue
            if options.at_most is not None and n_done == options.at_most:
                return
            result = take(kind, seed, verb, options.results.parent / "files")
            append_result(options.results, result)
            n_done += 1
            if result["faults"]:
                print(f"{kind.name} {seed}: {', '.join(result['faults'])}", flush=True)


def _wanted(only: Sequence[str]) -> Iterator[Kind]:
    for name in only:
        if name not in KINDS:
            raise SystemExit(
                f"there is no kind {name!r}: see `python -m benchmarks.malformed kinds`"
            )
    for kind in KINDS.values():
        if only and kind.name not in only:
            continue
        if kind.needs and importlib.util.find_spec(kind.needs) is None:
            print(f"{kind.name} is left out: {kind.needs} is not installed", file=sys.stderr)
            continue
        yield kind


def take(kind: Kind, seed: int, verb: str, under: Path) -> dict[str, Any]:
    """Makes one file, has it read in a process of its own, and judges what came of it.

    Args:
        kind: Of the file.
        seed: Of the file, among its kind.
        verb: ``search`` or ``inspect``.
        under: Folder for the file; it is emptied before and after.
    """
    folder = under / f"{kind.name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "in").mkdir(parents=True)
    path = kind.make(Draw(f"{kind.name} {seed}", folder / "in"))
    more = (*SEARCH, "--out", str(folder / "run")) if verb == "search" else ()
    log = folder / "log.txt"
    command = (sys.executable, "-m", "automl", verb, str(path), *more)
    before_s = _children_s()
    out = run_watched(command, log, LIMIT_S, env=_environment())
    cpu_s = _children_s() - before_s
    printed = log.read_text(encoding="utf-8", errors="replace")
    # beside others a command takes longer than by itself; one that hangs takes no processor at all
    own_s = cpu_s if out.others_cores > BUSY_CORES and not out.timed_out else out.wall_s
    faults = faults_of(kind, out.status, printed, own_s, out.peak_gib)
    shutil.rmtree(folder)
    return {
        "kind": kind.name,
        "seed": seed,
        "verb": verb,
        "status": out.status,
        "wall_s": round(out.wall_s, 2),
        "own_s": round(own_s, 2),
        "peak_gib": round(out.peak_gib, 3),
        "others_cores": round(out.others_cores, 2),
        "faults": faults,
        "said": "" if out.status == 0 and not faults else printed[-600:],
    }


def _children_s() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}


def _report(results: Sequence[Mapping[str, Any]]) -> int:
    """Prints a line for each kind and the sums; 1 where anything is amiss."""
    latest = {(r["kind"], r["seed"], r["verb"]): r for r in results}
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for result in latest.values():
        by_kind.setdefault(result["kind"], []).append(result)
    print(f"\n{'kind':32} {'files':>5} {'runs':>5} {'exit 2':>6} {'s':>6} {'GiB':>5}  faults")
    for name, some in sorted(by_kind.items()):
        faults = Counter(fault for result in some for fault in result["faults"])
        print(
            f"{name:32} {len(some):5} {sum(r['status'] == 0 for r in some):5} "
            f"{sum(r['status'] == 2 for r in some):6} {max(r['own_s'] for r in some):6.1f} "
            f"{max(r['peak_gib'] for r in some):5.2f}  "
            + ", ".join(f"{fault} x {n}" for fault, n in faults.items())
        )
    everything = list(latest.values())
    n_faulty = sum(bool(r["faults"]) for r in everything)
    print(
        f"\n{len(everything)} files of {len(by_kind)} kinds: "
        f"{sum(r['status'] == 0 for r in everything)} runs, "
        f"{sum(r['status'] == 2 for r in everything)} refused, {n_faulty} amiss "
        f"({sum('traceback' in r['faults'] for r in everything)} tracebacks, "
        f"{sum(r['own_s'] > MOST_S for r in everything)} over {MOST_S:.0f} s, "
        f"{sum(r['peak_gib'] > MOST_GIB for r in everything)} above 2 GB)"
    )
    return int(n_faulty > 0)


if __name__ == "__main__":
    sys.exit(main())
