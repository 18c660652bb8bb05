"""Selects the columns of a text file that must be read as texts, not cast to numbers at once."""

from __future__ import annotations

from collections.abc import Sequence

from automl.data.columns.excel_dates import says_date
from automl.data.columns.target import USUAL_NAMES
from automl.data.options import ReadOptions
from automl.data.raw_table import composed

__all__ = ["text_positions"]


def text_positions(names: Sequence[str], options: ReadOptions) -> frozenset[int] | None:
    """Finds the columns whose texts are needed later.

    These are the target, steering columns, columns whose kind the user has set, and columns named
    like dates, whose numbers may be Excel dates.

    Args:
        names: Names of the columns of the file.
        options: Options of reading the table.

    Returns:
        Their positions; None if all columns must be read as texts.
    """
    roles = options.roles
    if roles is None or options.carry or options.series_id is not None or options.wide:
        return None
    dropped = {composed(name) for name in options.drop}
    wanted = {composed(name) for name in (*roles.others, *options.kinds)}
    if roles.target is not None:
        wanted.add(composed(roles.target))
    known = [composed(name) for name in names]
    found = {at for at, name in enumerate(known) if name in wanted or says_date(names[at])}
    if roles.target is None:
        left = [at for at, name in enumerate(known) if name not in dropped]
        found |= {at for at, name in enumerate(known) if name.lower() in USUAL_NAMES}
        found |= {*left[-1:]}
    return frozenset(found)
