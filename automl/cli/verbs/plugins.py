"""``automl plugins``: shows the installed model families and broken plugins."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from automl.cli.display.streams import data_stream
from automl.cli.parser import Parser
from automl.formatting import clean

if TYPE_CHECKING:
    from automl.registry import Registry

__all__ = ["parser", "run", "to_json"]


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "plugins",
        "[options]",
        "Shows the model families of installed plugins, whether their libraries are installed,\n"
        "broken plugins with the reason, and names claimed by two plugins.",
        ("automl plugins", "automl plugins --format json"),
    )
    parser.option(
        "--format",
        choices=("table", "json"),
        default="table",
        help="table for people, json for programs",
    )
    parser.common_options()
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb."""
    if words:
        verb.error(f"unexpected argument {words[0]!r}")
    from automl.registry import load_registry

    registry = load_registry()
    registry.tell_remarks()
    if options.format == "json":
        data_stream(sys.stdout).write(
            json.dumps(to_json(registry), indent=1, ensure_ascii=False) + "\n"
        )
    else:
        _print(registry, options.verbose)
    return 0


def to_json(registry: Registry) -> dict[str, list[dict[str, Any]]]:
    """Returns families, broken plugins and conflicts as JSON values."""
    families = [
        {
            "name": name,
            "distribution": entry.distribution,
            "version": entry.version,
            "module": entry.module,
            "tasks": sorted(map(str, entry.family.tasks)),
            "kinds": sorted(map(str, entry.family.kinds)),
            "extra": entry.family.extra or None,
            "installed": entry.missing_module is None,
            "missing": entry.missing_module,
        }
        for name, entry in registry.families.items()
    ]
    known = ("plugin", "distribution", "version", "module", "error")
    broken = [{name: getattr(entry, name) for name in known} for entry in registry.broken]
    conflicts = [
        {"family": name, "claimed_by": [entry.origin for entry in rivals]}
        for name, rivals in registry.conflicts.items()
    ]
    return {"families": families, "broken": broken, "conflicts": conflicts}


def _print(registry: Registry, verbose: bool) -> None:
    from rich.text import Text

    from automl.cli.display.console import make_console, make_table

    console = make_console(sys.stdout)
    table = make_table()
    for title in ("family", "tasks", "from", "ready"):
        table.add_column(title)
    for name, entry in registry.families.items():
        missing = entry.missing_module
        origin = f"{entry.distribution} {entry.version}".strip()
        ready = Text("yes", "green") if missing is None else Text(f"needs {missing}", "yellow")
        tasks = " ".join(sorted(map(str, entry.family.tasks)))
        table.add_row(Text(name, "bold"), Text(tasks), Text(clean(origin)), ready)
    if registry.families:
        console.print(table)
    else:
        console.print("no families: no installed plugin has one")
    for note in registry.notes():
        console.print(Text(clean(note), "yellow"))
    if verbose:
        for broken in registry.broken:
            console.print(Text(clean(broken.traceback, keep_newlines=True)))
