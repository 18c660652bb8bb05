"""What the house tests look at."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "automl", ROOT / "plugins/automl_plugins", ROOT / "conf/automl_conf")
MODULES = sorted(file for package in PACKAGES for file in package.rglob("*.py"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that takes ``module`` once for each module of the packages."""
    if "module" in metafunc.fixturenames:
        ids = [str(file.relative_to(ROOT)) for file in MODULES]
        metafunc.parametrize("module", MODULES, ids=ids)


@pytest.fixture
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture
def tree(module: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(module.read_text(encoding="utf-8"))
