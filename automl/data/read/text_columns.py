"""Which columns of a text file stay texts where others may be read as numbers at once."""

from __future__ import annotations

from collections.abc import Sequence

from automl.data.columns.serials import says_date
from automl.data.columns.target import USUAL_NAMES
from automl.data.options import ReadOptions
from automl.data.raw_table import composed

__all__ = ["text_positions"]


def text_positions(names: Sequence[str], options: ReadOptions) -> frozenset[int] | None:
    """Finds the columns whose texts are looked at by more than what types plain numbers.

    These are the target, columns that steer, those whose kind a person has set, and those that are
    called dates, in which numbers may be days of Excel.

    Args:
        names: Of the columns of the file.
        options: How the table is read.

    Returns:
        Their positions; None where all columns stay texts.
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
