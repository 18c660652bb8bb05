"""Runs tests against mutants.

The tests are imported once. For each mutant a forked process changes the module in place and runs
them, up to the first that fails: no file of the code changes, and no import is paid for twice.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cached_property
from math import ceil
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from _pytest.main import pytest_runtestloop as run_collected

from benchmarks.mutants.operators import Mutant, mutated

__all__ = ["Row", "run_mutants"]

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # threads do not outlive a fork
PRELOADED = ("pyarrow.parquet", "rich.table", "scipy.stats", "sklearn.model_selection")
TIMEOUT_FACTOR, TIMEOUT_SLACK_S = 5, 10  # of the CPU seconds of the tests without a mutant
WALL_LIMIT_S = 600
TIMEOUT_SIGNALS = frozenset({signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM})

Row = dict[str, Any]
"""A mutant, what its result depends on, and its ``outcome``: killed, timeout or survived."""


def run_mutants(rows: Sequence[Row], tests: str, results: Path) -> None:
    """Tests mutants in a process of its own, and adds each with its outcome to a file.

    Args:
        rows: The mutants.
        tests: File or folder.
        results: Lines of JSON.

    Raises:
        SystemExit: The tests fail without a mutant.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.environ |= ENVIRONMENT
            with tempfile.TemporaryDirectory() as folder:
                loop = _MutantLoop(rows, results)
                options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
                with Path(folder, "output").open("w") as output:
                    for stream in (1, 2):
                        os.dup2(output.fileno(), stream)
                    pytest.main([*options, tests], plugins=[loop])
                code = 0 if loop.is_done else 1
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise SystemExit(f"{tests} do not pass without a mutant")


class _MutantLoop:
    """A plugin of pytest that runs the collected tests once for each mutant."""

    def __init__(self, rows: Sequence[Row], results: Path) -> None:
        self._rows, self._results = rows, results
        self._shown = os.fdopen(os.dup(1), "w")
        self.is_done = False

    def pytest_collection(self) -> None:
        """Lets hypothesis neither shrink what kills a mutant nor try it first on the others."""
        from hypothesis import Phase, settings  # pytest's plugin of it is to be imported first

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", settings(), phases=phases, database=None)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for name in PRELOADED:
            importlib.import_module(name)
        same = {path: ast.parse(Path(path).read_text(encoding="utf-8")) for path in self._paths()}
        outcome, cpu_s = _tested(session, same, WALL_LIMIT_S)
        if outcome != "survived":
            return True
        limit_s = ceil(TIMEOUT_FACTOR * cpu_s) + TIMEOUT_SLACK_S
        for number, row in enumerate(self._rows, start=1):
            mutant = Mutant(**{field.name: row[field.name] for field in fields(Mutant)})
            row["outcome"], _ = _tested(session, {mutant.path: mutated(mutant)}, limit_s)
            with self._results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            self._show(f"{number}/{len(self._rows)} {row['outcome']:8} {mutant.path}:{mutant.line}")
        self.is_done = True
        return True

    def _paths(self) -> set[str]:
        return {row["path"] for row in self._rows}

    def _show(self, line: str) -> None:
        print(line, file=self._shown, flush=True)


def _tested(
    session: pytest.Session, trees: Mapping[str, ast.Module], limit_s: int
) -> tuple[str, float]:
    """What the tests say of changed modules, and their CPU seconds, by a process of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
            signal.alarm(WALL_LIMIT_S)
            for path, tree in trees.items():
                _change(path, tree)
            run_collected(session)
            code = int(session.testsfailed > 0)
        finally:
            os._exit(code)
    _, status, usage = os.wait4(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what the tests have left behind
    code = os.waitstatus_to_exitcode(status)
    outcome = "timeout" if -code in TIMEOUT_SIGNALS else "survived" if code == 0 else "killed"
    return outcome, usage.ru_utime + usage.ru_stime


def _change(path: str, tree: ast.Module) -> None:
    """Gives a module other code; its functions and classes stay the objects that others hold.

    A constant that another module has imported by its name stays what it was there.
    """
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    before = dict(vars(module))
    exec(compile(tree, path, "exec"), vars(module))
    for name, old in before.items():
        if getattr(old, "__module__", None) != module.__name__:
            continue
        new = vars(module)[name]
        if isinstance(old, FunctionType):
            old.__code__, old.__defaults__ = new.__code__, new.__defaults__
            old.__kwdefaults__ = new.__kwdefaults__
        elif isinstance(old, type):
            for key, value in vars(new).items():
                if isinstance(value, FunctionType | property | cached_property | classmethod):
                    setattr(old, key, value)
        else:
            continue
        setattr(module, name, old)
