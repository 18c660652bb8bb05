"""Names of months in the languages of common spreadsheets, with their short forms."""

from __future__ import annotations

import unicodedata

__all__ = ["month_number"]

_NAMES = (
    "jan january januar januari janvier janv gennaio gen enero ene janeiro janner stycznia sty",
    "feb february februar februari fevrier fevr fev febbraio febrero fevereiro lutego lut",
    "mar march marz maerz mrz mars marzo marco maart mrt marts marca",
    "apr april avril avr aprile abril abr kwietnia kwi",
    "may mai maggio mag mayo maio mei maj maja",
    "jun june juni juin giugno giu junio junho czerwca cze",
    "jul july juli juillet juil luglio lug julio julho lipca lip",
    "aug august aout agosto ago augustus augusti sierpnia sie",
    "sep sept september septembre settembre set septiembre setiembre setembro wrzesnia wrz",
    "oct october okt oktober octobre ottobre ott octubre outubro out pazdziernika paz",
    "nov november novembre noviembre novembro listopada lis",
    "dec december dez dezember decembre dicembre dic diciembre dezembro des desember grudnia gru",
)
_CYRILLIC = (
    *("\u044f\u043d\u0432", "\u0444\u0435\u0432", "\u043c\u0430\u0440", "\u0430\u043f\u0440"),
    *("\u043c\u0430", "\u0438\u044e\u043d", "\u0438\u044e\u043b", "\u0430\u0432\u0433"),
    *("\u0441\u0435\u043d", "\u043e\u043a\u0442", "\u043d\u043e\u044f", "\u0434\u0435\u043a"),
)
"""Beginnings of the Russian names, whose ends differ by case."""
_NUMBERS = {name: n for n, names in enumerate(_NAMES, start=1) for name in names.split()}
_LONGEST = 12


def month_number(name: str) -> int | None:
    """Number of a month, 1 to 12, from its name in any case, with or without accents.

    Returns:
        None if it is no such name.

    Example:
        >>> month_number("M\u00e4rz"), month_number("d\u00e9c"), month_number("Foo")
        (3, 12, None)
    """
    if len(name) > _LONGEST:
        return None
    word = name.lower()
    if (number := _NUMBERS.get(word)) is not None or word.isascii():
        return number
    starts = (n for n, start in enumerate(_CYRILLIC, start=1) if word.startswith(start))
    decomposed = unicodedata.normalize("NFKD", word)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _NUMBERS.get(plain) or next(starts, None)
