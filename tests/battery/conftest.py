"""The battery: promises with a number each, shown with a small N, or with the full one.

``AUTOML_BATTERY=full`` in the environment asks for the full N. Each test notes the figure it
measured; the figures are printed when all is over.
"""

import importlib.util
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
FULL = os.environ.get("AUTOML_BATTERY", "fast") == "full"
FIGURE = "figure"


def load(name: str, path: Path) -> types.ModuleType:
    """Loads a module of the tests by its path; there are no packages of tests."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


scenes = load("battery_scenes", TESTS / "automl/conftest.py")
clock = scenes.clock


@pytest.fixture
def make_scene(tmp_path: Path, clock: Any) -> Callable[..., Any]:
    """Makes a search with a fake executor; each in a directory of its own."""
    count = iter(range(1_000_000))

    def make(families: Any, **options: Any) -> Any:
        return scenes.build_scene(tmp_path / f"run-{next(count)}", clock, families, **options)

    return make


@pytest.fixture
def make_family() -> Callable[..., Any]:
    """Makes a family that is never fitted."""
    return scenes.fake_family


@pytest.fixture
def load_module() -> Callable[[str, Path], types.ModuleType]:
    """Loads a module of the tests by its path."""
    return load


@pytest.fixture
def size() -> Callable[[int, int], int]:
    """Chooses N: ``size(fast, full)``."""
    return lambda fast, full: full if FULL else fast


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Notes a figure, to be printed at the end."""
    notes = request.node.user_properties  # go with the report, whichever process runs the test
    return lambda text: notes.append((FIGURE, f"{request.node.name}: {text}"))


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the families that misbehave importable, here and in workers."""
    for folder in (TESTS / "automl/scheduling", TESTS / "battery"):
        monkeypatch.syspath_prepend(str(folder))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the figures."""
    figures = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == FIGURE
    ]
    if figures:
        terminalreporter.section(f"battery, {'full' if FULL else 'small'} N")
        for line in figures:
            terminalreporter.write_line(line)
