"""Prints the target and the columns of a table, with the kind of each and the reason."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from automl.cli.display.console import make_table, print_facts
from automl.data import Column, Description
from automl.data.describe.describe import Look
from automl.formatting import clean
from automl.plugin.task import ColumnKind

__all__ = ["print_description"]

_MAX_NAME = 28
_MAX_EXAMPLES = 40
_MAX_CLASSES = 8
_N_SHOWN, _N_OF_A_KIND = 24, 4
"""Columns listed if there are more than the limit: in total, and at least per kind."""
_NUMBERS = 3 * 11
"""Width of the columns kind, missing and distinct with their gaps."""
_WORDS = {ColumnKind.DATETIME: "date", ColumnKind.BOOLEAN: "truth value"}
"""Names of the values of a kind; those of others are numbers."""


def print_description(console: Console, found: Description, limit: int | None) -> None:
    """Prints a table's description.

    Args:
        console: The console.
        found: The description.
        limit: Largest number of columns to list; of more, some are listed. None lists all.
    """
    print_facts(console, _facts(found))
    if found.columns:
        shown = _some(found.columns, limit)
        console.print()
        console.print(_columns_table(found, shown, console.width))
        if len(shown) < len(found.columns):
            console.print()
            console.print(_rest(found.columns, len(found.columns) - len(shown)))


def _facts(found: Description) -> Iterator[tuple[str | Text, str, str]]:
    n_used = sum(not column.left_out for column in found.columns)
    size = f"{_counted(found.n_rows, 'row')}, {_counted(len(found.columns), 'column')}"
    yield "data", f"{found.where}: {size}, {n_used:,} used", ""
    if found.target is not None:
        yield "target", f"{found.target.name} ({found.target.task})", "bold"
        yield "", found.target.reason, "dim"
    yield "classes", _classes(found), ""
    if found.n_without_target:
        yield "", f"{_counted(found.n_without_target, 'row')} without a target ignored", ""
    for note in (*found.leaks, *found.notes):
        yield Text("note", "yellow"), note, ""
    yield Text("problem", "red"), found.problem, "red"


def _group(column: Column) -> str:
    """Kind under which a column is counted."""
    return "ignored" if column.left_out else str(column.kind)


def _some(columns: Sequence[Column], limit: int | None) -> Sequence[Column]:
    """Returns all columns if they fit; else the first ones overall and of each kind."""
    if limit is None or len(columns) <= limit:
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
    counts = sorted((found.class_counts or {}).items(), key=lambda item: -item[1])
    texts = [f"{clean(str(label))}: {n:,}" for label, n in counts[:_MAX_CLASSES]]
    more = len(counts) - _MAX_CLASSES
    # labels may hold a comma
    return " | ".join([*texts, f"and {more} more"] if more > 0 else texts)


def _columns_table(found: Description, columns: Sequence[Column], width: int) -> Table:
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
        table.add_row(
            name,
            Text("–" if column.left_out else str(column.kind)),
            Text(_share(column.missing_share)),
            Text(f"{column.n_distinct:,}"),
            examples,
            Text(clean(_why(column, look))),
            style="dim" if column.left_out else "",
        )
    return table


def _why(column: Column, look: Look) -> str:
    """Returns why a column has its kind or is ignored, and its unreadable values and outliers."""
    if column.left_out:
        return f"ignored: {column.left_out}"
    parts = [column.reason]
    if column.n_misfits:
        noun = _WORDS.get(column.kind, "number")
        parts.append(f"{_counted(column.n_misfits, 'row')} without a {noun}")
    if column.doubt:
        parts.append(column.doubt)
    if look.n_outliers:
        parts.append(f"{_counted(look.n_outliers, 'outlier')}: {' | '.join(look.outliers)}")
    return "; ".join(parts)


def _counted(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n:,} {noun}s"


def _share(share: float) -> str:
    """Formats a share in percent, as 0 or 100 only if it is exactly that."""
    if share in (0.0, 1.0):
        return "" if share == 0.0 else "100%"
    return f"{min(max(share * 100, 0.1), 99.9):.1f}%"
