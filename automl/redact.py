"""Removes passwords and tokens from URLs, queries and errors before they are shown or stored.

Only the parts of a URL that are known to be harmless are shown. Cutting out the password alone
is not safe: if it contains ``/``, ``?``, ``#`` or ``@``, its end is ambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

__all__ = ["hide", "shown", "sources_in", "without_passwords"]

_MASK = "***"
_URL_START = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)*[A-Za-z][A-Za-z0-9+.-]+:/")
_URL = re.compile(r"\s*((?:[A-Za-z][A-Za-z0-9+.-]*:)*[A-Za-z][A-Za-z0-9+.-]+:/+)(.*)", re.DOTALL)
_PLAIN = re.compile(
    r"(?:(?P<user>[^:@/?#]*)(?P<password>:[^@/?]*)?@)?"
    r"(?P<host>(?:\[[0-9A-Fa-f:.%]*\]|[^][:@/?#]*)(?::\d*)?)"
    r"(?P<path>/[^@?#]*)?"
    r"(?:\?(?P<query>.*))?",
    re.DOTALL,
)
"""A URL of which every part is where it seems to be. Several hosts stand between commas."""
_SEVERAL = re.compile(r"(?:[^][:@/?#,]*(?::\d*)?,)+")
_SECRET_SETTING = re.compile(
    r"(?<![\w.])(?:(?:ssl)?password|passwd|pwd|oauth_client_secret|scram_\w+_key)\s*=",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    rf"({_SECRET_SETTING.pattern}\s*)"
    r"(?:''[^']*''|\\'.*?\\'|[Ee]?'(?:[^']|'')*'|\$(\w*)\$.*?\$\2\$|(?:\\.|[^\s'])+)",
    re.IGNORECASE | re.DOTALL,
)
"""A setting with its value, in an SQL query: quoted in a literal, a literal, or bare."""
_URL_IN_QUERY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)*[A-Za-z][A-Za-z0-9+.-]+://[^\s']*")
_HARMLESS = frozenset(
    (
        *("host", "hostaddr", "port", "dbname", "user", "sslmode", "application_name"),
        *("connect_timeout", "client_encoding", "target_session_attrs", "gssencmode", "mode"),
        *("channel_binding", "keepalives", "sslnegotiation", "load_balance_hosts"),
    )
)
"""Parameters of a URL whose values may be shown."""
_FILES = ("sqlite", "file")
_POSTGRESQL = ("postgresql", "postgres")
_DELIMITERS = re.compile(r"[:/?#@&=,;\s'\"\[\]]+")
_SHORT = 3
"""Parts of fewer letters are hidden in quotes only."""


def sources_in(words: Iterable[str]) -> list[str]:
    """Returns what may hold a password in a command line: each word from its URL or setting on."""
    starts = ((word, _URL_START.search(word) or _SECRET_SETTING.search(word)) for word in words)
    return [word[start.start() :] for word, start in starts if start is not None]


def shown(source: str) -> str:
    """Returns a path or URL as it may be shown, logged and stored.

    Args:
        source: What names the data: a path, a URL, or settings such as ``host=h password=p``.
    """
    url = _URL.match(source)
    if url is None:
        setting = _SECRET_SETTING.search(source)
        return source if setting is None else f"{source[: setting.end()]}{_MASK}"
    scheme, rest = url.groups()
    name = scheme.rstrip("/").rstrip(":").rpartition(":")[2].lower()
    if name in _FILES and "?" not in rest and not re.match(r"[^/]*@", rest):
        return source
    hosts = _SEVERAL.match(_after_credentials(rest))
    n_before = len(rest) - len(_after_credentials(rest))
    one_host = rest if hosts is None else rest[:n_before] + rest[n_before + hosts.end() :]
    parts = _PLAIN.fullmatch(one_host)
    authority = rest.partition("/")[0]
    if parts is None or ("?" in authority and "@" in authority):
        return f"{scheme}..."
    user = _shown_user(parts["user"], parts["password"], is_named=name in _POSTGRESQL)
    query = _shown_parameters(parts["query"], is_known=name in (*_POSTGRESQL, *_FILES))
    if query is None:
        return f"{scheme}..."
    others = "" if hosts is None else hosts[0]
    return f"{scheme}{user}{others}{parts['host']}{parts['path'] or ''}{query}"


def hide(text: str, sources: Iterable[str]) -> str:
    """Returns a text, such as an error of a driver, without what is secret in some sources.

    Args:
        text: A message that may quote the sources.
        sources: Paths and URLs, as ``shown`` takes them.
    """
    for source in sources:
        harmless = shown(source)
        if harmless == source:
            continue
        for form in (source, repr(source)[1:-1], unquote(source)):
            for whole in (form, re.sub("/+", "/", form)):  # as it is, and taken for a path
                text = text.replace(whole, harmless)
        for part in _secrets(source, harmless):
            if len(part) >= _SHORT:
                text = text.replace(part, _MASK)
            else:
                text = re.sub(rf"(['\"]){re.escape(part)}\1", rf"\1{_MASK}\1", text)
    return text


def without_passwords(query: str) -> str:
    """Returns an SQL query as it may be shown and stored.

    Masks what looks like a password: values of settings such as ``password=p``, as in connection
    strings of other databases, and passwords of URLs. Keys that are positional arguments of a
    function look like any other text, and stay.
    """
    without_urls = _URL_IN_QUERY.sub(lambda url: shown(url[0]), query)
    return _SECRET_VALUE.sub(rf"\1{_MASK}", without_urls)


def _after_credentials(rest: str) -> str:
    """What follows the name and the password, as the driver finds their end."""
    end = re.match(r"[^@/]*@", rest)
    return rest if end is None else rest[end.end() :]


def _shown_user(user: str | None, password: str | None, *, is_named: bool) -> str:
    """A name without its password; where the name may be a token, nothing of it."""
    if user is None:
        return ""
    if not is_named:
        return f"{_MASK}@"
    return f"{user}@" if password is None else f"{user}:{_MASK}@"


def _shown_parameters(query: str | None, *, is_known: bool) -> str | None:
    """Parameters of which the names are known, with values that may be seen; None in doubt."""
    if query is None:
        return ""
    if not is_known:
        return f"?{_MASK}"
    parts = []
    for part in query.split("&"):
        name, mark, value = part.partition("=")
        known = unquote(name).lower()
        if known in _HARMLESS and re.fullmatch(r"[\w.,:%-]*", value):
            parts.append(part)
        elif mark and (known in _HARMLESS or _SECRET_SETTING.match(f"{known}=")):
            parts.append(f"{name}={_MASK}")
        elif "@" in part:
            return None  # the end of a password that holds a question mark
        else:
            parts.append(_MASK)
    return f"?{'&'.join(parts)}"


def _secrets(source: str, harmless: str) -> list[str]:
    """Returns every part of a source that ``shown`` leaves out, the longest first."""
    url = _URL.match(source)
    if url is None:
        setting = _SECRET_SETTING.search(source)
        hidden = "" if setting is None else source[setting.end() :].strip()
        regions = [hidden, hidden.split()[0] if hidden else ""]
    else:
        rest = url[2]
        last = rest.rpartition("@")[0]
        regions = [last.partition(":")[2], *re.findall(r":([^@/]*)@", rest)]
        regions += [part.partition("=")[2] for part in re.split(r"[?&]", rest)[1:]]
        regions += re.split(r"[?&]", rest)[1:] + _DELIMITERS.split(rest)
        if not harmless.endswith("..."):
            regions += _DELIMITERS.split(last)
    seen = {*_DELIMITERS.split(harmless), *harmless.partition("?")[2].split("&")}
    parts = {form.strip("'\"") for region in regions for form in (region, unquote(region))}
    known = {*seen, *_HARMLESS, *_FILES, *_POSTGRESQL, "password", "sslpassword", ""}
    return sorted(parts - known, key=len, reverse=True)
