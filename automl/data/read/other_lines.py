"""Drops lines that are not rows of the table: repeated names, totals, units, further headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.options import NO_NUMBERS
from automl.data.raw_table import RawTable, format_names
from automl.data.read.layout import COMMENT, VALUE

__all__ = ["SAMPLE_ROWS", "ignorable", "without_other_lines"]

FEWEST_BELOW, SAMPLE_ROWS = 10, 200
MOST_HEADINGS, MOST_TOTALS = 3, 3
_TOTALS = (
    *("totals?", "sums?", "average", "mean"),  # English
    *("summe", "gesamt", "insgesamt", "gesamtsumme", "gesamtergebnis", "mittelwert"),  # German
    *("durchschnitt", "zwischensumme", "summa", "totalt", "i alt", "yhteens\u00e4"),  # and Nordic
    *("totaux", "somme", "moyenne", "totale", "somma", "suma", "promedio", "soma"),  # Romance
    *("totaal", "eindtotaal", "gemiddelde"),  # Dutch
    *("razem", "celkem", "\u00f6sszesen", "toplam", "genel toplam"),  # Polish, Czech, ...
    *("\u0438\u0442\u043e\u0433\u043e", "\u0432\u0441\u0435\u0433\u043e"),  # Russian
    *("\u5408\u8a08", "\u7dcf\u8a08", "\u5c0f\u8a08", "\u5e73\u5747"),  # Japanese
    *(
        "\u5408\u8ba1",
        "\u603b\u8ba1",
        "\u5c0f\u8ba1",
        "\ud569\uacc4",
        "\ucd1d\uacc4",
    ),  # Chinese, Korean
)
_TOTAL = re.compile(
    rf"\s*(?:grand |sub[- ]?|sous[- ])?(?:{'|'.join(_TOTALS)})"
    r"(?: g\u00e9n\u00e9ral| generale| general| geral| complessivo)?\s*[:\uff1a]?\s*$",
    re.IGNORECASE,
)
_SUM = re.compile(r"\W{0,3}\d[\d.,' \u00a0\u202f\u2019]*\W{0,2}\s?[^\W\d]{0,3}\W?\s*$")
_RULE = re.compile(r"\s*[:+]?(-{2,}|={2,})[:+]?\s*$")


def ignorable(
    odd: Sequence[tuple[int, str, int]], n_rows: int, header_line: int, first: pa.ChunkedArray
) -> bool:
    """Whether lines with a wrong field count are blank, comments, or below the table.

    Lines below the table have one field, or begin with a word where rows begin with a number or
    date; others may be rows that were cut off.

    Args:
        odd: Number, text and field count of each such line, in order.
        n_rows: Number of rows with the right field count, without the line of names.
        header_line: Number of the line of names.
        first: First column of the table, as strings.
    """
    are_values = _are_values(first.slice(1, SAMPLE_ROWS).to_pylist())
    return all(
        not text.strip()
        or COMMENT.match(text)
        or (
            line > header_line + n_rows + place
            and (n_fields == 1 or (are_values and _is_footer(text)))
        )
        for place, (line, text, n_fields) in enumerate(odd)
    )


def _is_footer(text: str) -> bool:
    """Whether a line begins with a word, and has no open quote."""
    return not VALUE.match(text.lstrip('"')) and "\n" not in text and text.count('"') % 2 == 0


def without_other_lines(raw: RawTable) -> RawTable:
    """Drops lines that repeat the column names, a total in the last row, and units in the first.

    In a table of one column repeated names are kept: they may be values, such as a label
    ``prediction``.
    """
    keep = np.ones(raw.n_rows, dtype=bool)
    notes = list(raw.notes)
    repeats = pc.equal(raw.columns[0], raw.names[0]).fill_null(False)
    if len(raw.columns) > 1 and raw.n_rows and pc.any(repeats).as_py():
        for name, column in zip(raw.names[1:], raw.columns[1:], strict=True):
            same = pc.equal(column, name) if name else column.is_null()
            repeats = pc.and_(repeats, same.fill_null(False))
        keep = ~repeats.to_numpy(zero_copy_only=False).astype(bool)
        if n := int((~keep).sum()):
            lines, are = ("1 line repeats", "is") if n == 1 else (f"{n:,} lines repeat", "are")
            notes.append(f"{raw.where}: {lines} the column names and {are} left out")
    totals = _totals(raw)
    if totals:
        keep[-len(totals) :] = False
        rows = "row is left out, as it is a sum"
        if len(totals) > 1:
            rows = f"{len(totals)} rows are left out, as they are sums"
        notes.append(f"{raw.where}: the last {rows} of others: {format_names(totals)}")
    if _begins_with_rule(raw):
        keep[0] = False
        notes.append(f"{raw.where}: the rule below the names is left out")
    elif keep[0] and (headings := _headings(raw)):
        keep[: len(headings)] = False
        texts = format_names([text for text in headings[0] if text], 4)
        lines = "line below the names is left out, as it holds"
        if len(headings) > 1:
            lines = f"{len(headings)} lines below the names are left out, as they hold"
        notes.append(f"{raw.where}: the {lines} no numbers where others do: {texts}")
        raw = replace(raw, names=_completed(raw.names, headings[0]))
    raw = replace(raw, notes=tuple(notes))
    return raw if keep.all() or not keep.any() else raw.with_rows(keep)


def _totals(raw: RawTable) -> list[str]:
    """The texts that mark the last rows as totals, last first; empty if the last is a row."""
    found = []
    for at in range(1, MOST_TOTALS + 1):
        if (text := _total(raw, -at)) is None:
            break
        found.append(text)
    return found


def _total(raw: RawTable, at: int) -> str | None:
    """The text that marks a row as a total; None if it is an ordinary row.

    A total has numbers after its name, unlike a label ``Total`` in the last column.
    """
    if raw.n_rows < 3:
        return None
    last = [column[at].as_py() for column in raw.columns]
    for place, text in enumerate(last[:2]):
        if text is None:
            continue
        has_sums = any(_SUM.match(cell or "") for cell in last[place + 1 :])
        if (
            _TOTAL.match(text)
            and has_sums
            and pc.sum(pc.equal(raw.columns[place], text)).as_py() == 1
        ):
            return str(text)
    return None


def _begins_with_rule(raw: RawTable) -> bool:
    """Whether the first row is a line such as ``|---|:--:|`` of a Markdown table."""
    cells = [column[0].as_py() for column in raw.columns] if raw.n_rows else []
    told = [cell for cell in cells if cell]
    return len(told) > 1 and all(_RULE.match(str(cell)) for cell in told)


def _headings(raw: RawTable) -> list[list[str]]:
    """The texts of the first rows that belong to the names: units, or a second line of names.

    They hold words in all columns of numbers and dates, at least two. A cell may be empty if the
    row gives a name to a column that has none.
    """
    rows: list[list[str]] = []
    for at in range(min(MOST_HEADINGS, raw.n_rows - FEWEST_BELOW + 1)):
        row = [(column[at].as_py() or "").strip() for column in raw.columns]
        if any(map(VALUE.match, row)):
            return []
        rows.append(row)
        below = [c.slice(at + 1, SAMPLE_ROWS).to_pylist() for c in raw.columns]
        if len(of_values := [i for i, cells in enumerate(below) if _are_values(cells)]) > 0:
            return rows if all(_is_heading(r, raw.names, of_values) for r in rows) else []
    return []


def _are_values(cells: Sequence[str | None]) -> bool:
    known = [cell for cell in cells if cell is not None]
    return len(known) >= FEWEST_BELOW - 1 and all(map(VALUE.match, known))


def _is_heading(row: Sequence[str], names: Sequence[str], of_values: Sequence[int]) -> bool:
    cells = [row[i] for i in of_values]
    n_words = sum(cell.lower() not in NO_NUMBERS for cell in cells)
    n_new = sum(bool(cell) and not name.strip() for name, cell in zip(names, row, strict=True))
    is_whole = n_words == len(cells) or (n_new > 0 and not any(c for c in cells if c in "-?."))
    return is_whole and n_words > 0 and n_words + n_new > 1


def _completed(names: tuple[str, ...], below: Sequence[str]) -> tuple[str, ...]:
    """Names with the texts below them where names are empty or repeated, as above merged cells."""
    counts = Counter(names)
    found: list[str] = []
    above = ""
    for name, text in zip(names, below, strict=True):
        above = name.strip() or above
        if not name.strip():
            found.append(text if text not in (*names, *found) else f"{above} {text}".strip())
        else:
            found.append(f"{name} {text}".strip() if counts[name] > 1 else name)
    return tuple(found)
