"""Makes ``docs/map.md``: each package and module with its first line.

python docs/make_map.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["main", "make_map"]

ROOT = Path(__file__).parents[1]
PACKAGES = ("automl", "plugins/automl_plugins", "conf/automl_conf")
HEAD = """\
# Map

Each package and module with the first line of its docstring, made by `python docs/make_map.py`.
[A tour](tour.md) shows the parts at work.
"""


def main() -> None:
    """Writes the page."""
    (ROOT / "docs" / "map.md").write_text(make_map(ROOT), encoding="utf-8")


def make_map(root: Path) -> str:
    """Returns the page: a heading for each package, a line for each module in it.

    Args:
        root: The root of the repository.
    """
    folders = [file.parent for top in PACKAGES for file in (root / top).rglob("__init__.py")]
    order = sorted(folders, key=lambda folder: folder.relative_to(root).parts)
    return "\n".join([HEAD, *(line for folder in order for line in _package(folder, root))])


def _package(folder: Path, root: Path) -> Iterator[str]:
    name = folder.relative_to(root).as_posix()
    modules = sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
    yield f"## [{name}](../{name})\n"
    if first_line := _first_line(folder / "__init__.py"):
        yield f"{first_line}\n"
    for file in modules:
        yield f"- [`{file.stem}`](../{name}/{file.name}): {_first_line(file)}"
    if modules:
        yield ""


def _first_line(module: Path) -> str:
    text = ast.get_docstring(ast.parse(module.read_bytes()))
    return text.partition("\n")[0] if text else ""


if __name__ == "__main__":
    main()
