"""``automl inspect``: shows the inferred kinds of the columns of a table, and why."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl.cli.data_options import config_options, given_options
from automl.cli.output import check_stdout
from automl.cli.parser import Parser, UsageError, one_word, split_data_and_overrides
from automl.cli.stdin import readable, where_from

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from automl.config.schema import SearchConfig
    from automl.data import Column, Description
    from automl.data.describe.describe import Look

__all__ = ["parser", "run"]

_UNUSED = ("quantiles", "metric", "time_s", "trials", "preset", "seed", "search.gap")
"""Options of a search that do not affect the output."""
_MAX_NAME = 28
_MAX_EXAMPLES = 40
_MAX_CLASSES = 8
_MAX_COLUMNS = 100
_N_SHOWN, _N_OF_A_KIND = 24, 4
"""Columns listed if there are more than ``_MAX_COLUMNS``: in total, and at least per kind."""
_NUMBERS = 3 * 11
"""Width of the columns kind, missing and distinct with their gaps."""


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "inspect",
        "DATA [options] [data.key=value ...]",
        "Reads a table as a search would and shows the target and the kind of every column with\n"
        "the reason. If a kind is wrong, override it: data.kinds={zip: categorical}\n"
        "data.drop=[id] data.delimiter=';' data.missing=['?']; this works for search too.\n"
        "DATA may be - for standard input.",
        (
            "automl inspect data.csv",
            "automl inspect data.csv --target price",
            "automl inspect data.csv 'data.kinds={zip: categorical}'",
        ),
    )
    config_options(parser, without=_UNUSED)
    parser.option(
        "--all",
        action="store_true",
        help=f"list all columns, even more than {_MAX_COLUMNS}",
    )
    parser.common_options()
    return parser


def run(argv: Sequence[str], started: float) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: The table cannot be read, or a setting or the target is invalid.
    """
    del started
    options, words = (verb := parser()).read(argv)
    data_words, overrides = split_data_and_overrides(words)
    data = one_word(verb, data_words, "DATA", overrides=True)
    config = _config(given_options(options), overrides)
    with readable(data) as path:
        check_stdout((path,))
        found = _describe(path, config)
    if path != data:
        found = replace(found, where=where_from(data))
    from automl.cli.display.console import make_console

    _print(make_console(sys.stdout), found, options.all)
    return 2 if found.problem else 0


def _describe(path: str, config: SearchConfig) -> Description:
    from automl.config.read_options import read_options
    from automl.data import describe_table
    from automl.plugin.task import Task

    return describe_table(
        path,
        read_options(config),
        config.target,
        None if config.task is None else Task(config.task),
        group=config.group,
        time_column=config.time_column,
        folds_column=config.folds_column,
        weight=config.weight,
    )


def _config(given: Mapping[str, Any], overrides: Sequence[str]) -> SearchConfig:
    """Returns the configuration of a search with the same options and settings."""
    other = next((o for o in overrides if not o.lstrip("+~").startswith(("data.", "data="))), None)
    if other is not None:
        raise UsageError(f"{other!r} does not affect how a table is read: use data.* settings only")
    if overrides:
        from automl.config import compose_config
        from automl.registry import Registry

        return compose_config(overrides, given, Registry()).config
    from automl.config.schema import SearchConfig
    from automl.config.validate import with_values

    return with_values(SearchConfig(), given)


def _print(console: Console, found: Description, all_columns: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from automl.leaderboard import clean

    n_used = sum(not column.left_out for column in found.columns)
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=9, style="dim")
    lines.add_column(overflow="fold")
    n_columns = len(found.columns)
    size = f"{_counted(found.n_rows, 'row')}, {_counted(n_columns, 'column')}"
    size += f", {n_used:,} used"
    lines.add_row("data", Text(clean(f"{found.where}: {size}")))
    if found.target is not None:
        target = found.target
        lines.add_row("target", Text(clean(f"{target.name} ({target.task})"), "bold"))
        lines.add_row("", Text(clean(target.reason), "dim"))
    if found.class_counts:
        lines.add_row("classes", Text(_classes(found)))
    if found.n_without_target:
        without = _counted(found.n_without_target, "row")
        lines.add_row("", Text(f"{without} without a target ignored"))
    for note in (*found.leaks, *found.notes):
        lines.add_row(Text("note", "yellow"), Text(clean(note)))
    if found.problem:
        lines.add_row(Text("problem", "red"), Text(clean(found.problem), "red"))
    console.print(lines)
    if found.columns:
        shown = found.columns if all_columns else _some(found.columns)
        console.print()
        console.print(_columns_table(found, shown, console.width))
        if len(shown) < len(found.columns):
            console.print()
            console.print(_rest(found.columns, len(found.columns) - len(shown)))


def _group(column: Column) -> str:
    """Kind under which a column is counted."""
    return "ignored" if column.left_out else str(column.kind)


def _some(columns: Sequence[Column]) -> Sequence[Column]:
    """Returns all columns if they fit; else the first ones overall and of each kind."""
    if len(columns) <= _MAX_COLUMNS:
        return columns
    seen: Counter[str] = Counter()
    chosen = set()
    for at, column in enumerate(columns):
        seen[_group(column)] += 1
        if seen[_group(column)] <= _N_OF_A_KIND:
            chosen.add(at)
    others = (at for at in range(len(columns)) if at not in chosen)
    chosen.update(itertools.islice(others, max(0, _N_SHOWN - len(chosen))))
    return [columns[at] for at in sorted(chosen)]


def _rest(columns: Sequence[Column], n_more: int) -> str:
    """Returns the number of columns that are not listed, and counts of all kinds."""
    counts = Counter(map(_group, columns)).most_common()
    kinds = ", ".join(f"{n:,} {group}" for group, n in counts)
    return f"and {n_more:,} more; of all {len(columns):,}: {kinds}. --all lists them"


def _classes(found: Description) -> str:
    from automl.leaderboard import clean

    counts = sorted((found.class_counts or {}).items(), key=lambda item: -item[1])
    texts = [f"{clean(str(label))}: {n:,}" for label, n in counts[:_MAX_CLASSES]]
    more = len(counts) - _MAX_CLASSES
    # labels may hold a comma
    return " | ".join([*texts, f"and {more} more"] if more > 0 else texts)


def _columns_table(found: Description, columns: Sequence[Column], width: int) -> Table:
    from rich.text import Text

    from automl.cli.display.console import make_table
    from automl.leaderboard import clean

    table = make_table()
    table.add_column("column", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("missing", justify="right", no_wrap=True)
    table.add_column("distinct", justify="right", no_wrap=True)
    table.add_column("first values", no_wrap=True)
    table.add_column("why")
    name_size = min(_MAX_NAME, width // 4, max(len(column.name) for column in columns))
    # The reason matters most: it gets more than half of the remaining width, and may wrap.
    examples_size = max(10, min(_MAX_EXAMPLES, (width - name_size - _NUMBERS) * 2 // 5))
    for column in columns:
        name = Text(clean(column.name) or "(no name)", "" if clean(column.name) else "italic")
        name.truncate(max(name_size, 9), overflow="ellipsis")
        look = found.look(column)
        examples = Text(", ".join(clean(example) for example in look.first))
        examples.truncate(examples_size, overflow="ellipsis")
        why = f"ignored: {column.left_out}" if column.left_out else column.reason
        if not column.left_out:
            why += _more(column, look)
        table.add_row(
            name,
            Text("–" if column.left_out else str(column.kind)),
            Text(_share(column.missing_share)),
            Text(f"{column.n_distinct:,}"),
            examples,
            Text(clean(why)),
            style="dim" if column.left_out else "",
        )
    return table


def _more(column: Column, look: Look) -> str:
    """Returns unreadable values, doubts and outliers of a column as text."""
    from automl.plugin.task import ColumnKind

    more = ""
    if column.n_misfits:
        nouns = {ColumnKind.DATETIME: "date", ColumnKind.BOOLEAN: "truth value"}
        noun = nouns.get(column.kind, "number")
        more += f"; {_counted(column.n_misfits, 'row')} without a {noun}"
    if column.doubt:
        more += f"; {column.doubt}"
    if look.n_outliers:
        more += f"; {_counted(look.n_outliers, 'outlier')}: {' | '.join(look.outliers)}"
    return more


def _counted(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n:,} {noun}s"


def _share(share: float) -> str:
    """Formats a share in percent, as 0 or 100 only if it is exactly that."""
    if share in (0.0, 1.0):
        return "" if share == 0.0 else "100%"
    return f"{min(max(share * 100, 0.1), 99.9):.1f}%"
