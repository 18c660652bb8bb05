"""Tests look at what callers see: no test reads or replaces what another file keeps private.

A test states behaviour by public names, by a double that it passes in, or by an effect. Names with
an underscore may change without notice, and a test of them fails where nothing broke.
"""

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests", "examples")
BY_NAME = {"delattr", "getattr", "hasattr", "setattr"}
PRIVATE = re.compile(r"(?:.*\.)?_[a-zA-Z][^.]*")
DOCUMENTED = {"os._exit"}

ALLOWED = {
    "tests/plugins/lightgbm/test_params.py": "LightGBM lists its parameters nowhere else",
}
"""Files that may look at private names, and why."""


def is_private(name):
    return bool(PRIVATE.fullmatch(name)) and not name.endswith("__")


def own_names(tree):
    """Private names that a file defines: attributes of ``self``, methods, functions, classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node):
            yield node.attr


def is_own(node):
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def looks(source):
    """Line and text of each look at a private name of another file."""
    tree = ast.parse(source)
    own = set(own_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            text = ast.unparse(node)
            if not (is_own(node) and node.attr in own) and text not in DOCUMENTED:
                yield node.lineno, text
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names if is_private(alias.name)]
            yield from ((node.lineno, f"{node.module}.{name}") for name in names)
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            texts = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
            names = [text for text in texts if isinstance(text, str) and is_private(text)]
            yield from ((node.lineno, name) for name in names if called in BY_NAME)


def test_tests_look_at_public_names_alone():
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    found = {
        f"{name}:{line}: {text}"
        for path in files
        if (name := str(path.relative_to(ROOT))) not in ALLOWED
        for line, text in looks(path.read_text(encoding="utf-8"))
    }
    assert not found, "private names in tests:\n" + "\n".join(sorted(found))


@pytest.mark.parametrize("name", ALLOWED)
def test_files_that_are_allowed_to_still_do(name):
    assert list(looks((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "executor._busy",
        "make()._views([1])",
        "run._run.manifest.read_text()",
        "from automl.metrics.influence import _pinball",
        "monkeypatch.setattr('automl.data.read.sql._connect', None)",
        "monkeypatch.setattr(nvml, '_library', None)",
        "getattr(study, '_study')",
        """
        class Mutant(InlineExecutor):
            def stop(self):
                self._queue.clear()
        """,
    ],
)
def test_a_look_at_a_private_name_is_found(source):
    assert len(list(looks(textwrap.dedent(source)))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "os._exit(3)",
        "self.__class__.__name__",
        "for _, worker in pairs: worker.kill()",
        "frame['_id']",
        """
        class Double:
            def __init__(self):
                self._calls = []
            def call(self):
                self._note(self._calls)
            def _note(self, calls):
                calls.append(1)
        """,
    ],
)
def test_public_names_and_those_of_the_file_itself_are_fine(source):
    assert not list(looks(textwrap.dedent(source)))
