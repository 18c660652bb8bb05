"""Docstrings name the parameters and attributes that are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("automl", "plugins/automl_plugins")
    for path in (ROOT / folder).rglob("*.py")
)


def described(docstring, *headings):
    """Names with an entry under some headings: ``name: ...`` or ``one, other: ...``."""
    names, indent = [], None
    for line in docstring.splitlines():
        own = len(line) - len(line.lstrip())
        if re.fullmatch(rf"\s*({'|'.join(headings)}):", line):
            indent = own
        elif indent is not None and line.strip():
            if own <= indent:
                indent = None
            elif own == indent + 4 and (entry := re.match(r"\s*([\w*, ]+):(\s|$)", line)):
                names += [name.strip(" *") for name in entry[1].split(",")]
    return names


def attributes(node):
    """Names that a class has, as far as its body tells."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.AnnAssign | ast.Assign):
            targets = [part.target] if isinstance(part, ast.AnnAssign) else part.targets
            for target in (name for each in targets for name in ast.walk(each)):
                if isinstance(target, ast.Name):
                    found.add(target.id)
                elif isinstance(target, ast.Attribute):
                    found.add(target.attr)
        elif isinstance(part, ast.FunctionDef):
            found.add(part.name)
        elif isinstance(part, ast.arg):
            found.add(part.arg)
    return found


def missing(source):
    """Yields ``where: name`` for each entry without its parameter or attribute."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        docstring = ast.get_docstring(node) or ""
        if isinstance(node, ast.FunctionDef):
            known = {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
            names = described(docstring, "Args")
        else:
            inherits = bool(node.bases)  # an attribute may be that of a base class
            known = attributes(node)
            names = [] if inherits else described(docstring, "Args", "Attributes")
        yield from (f"{node.name}: {name}" for name in names if name not in known)


@pytest.mark.parametrize("path", MODULES)
def test_what_a_docstring_describes_is_there(path):
    assert not [*missing((ROOT / path).read_text(encoding="utf-8"))]


def test_an_entry_without_its_parameter_is_found():
    function = 'def f(a):\n    """Does.\n\n    Args:\n        b: None such.\n    """\n'
    values = 'class C:\n    """Is.\n\n    Attributes:\n        x: One.\n        y: None.\n    """\n'
    assert [*missing(function)] == ["f: b"]
    assert [*missing(f"{values}    x: int\n")] == ["C: y"]
