"""What of a path, a URL or an error of a driver may be shown."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.redact import hide, shown, sources_in, without_passwords


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("data.csv", "data.csv"),
        ("my data/a=b?c@d.csv", "my data/a=b?c@d.csv"),
        ("sqlite:////home/me@work/my data.db", "sqlite:////home/me@work/my data.db"),
        ("s3://bucket/key.csv", "s3://bucket/key.csv"),
        ("postgresql://u@host:5432/d", "postgresql://u@host:5432/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql://h1:1,h2:2/d?sslmode=require", "postgresql://h1:1,h2:2/d?sslmode=require"),
        ("postgresql://u:p@h1:1,h2/d", "postgresql://u:***@h1:1,h2/d"),
        ("postgresql://u:p#w@host/d", "postgresql://u:***@host/d"),
        ("postgresql://:p@host/d", "postgresql://:***@host/d"),
        ("postgresql://h/d?user=u&password=a@b#c/d", "postgresql://h/d?user=u&password=***"),
        ("postgresql://h/d?pass%77ord=p", "postgresql://h/d?pass%77ord=***"),
        ("postgresql://h/d?password=a&b", "postgresql://h/d?password=***&***"),
        ("postgresql://h/d?other=p", "postgresql://h/d?***"),
        # where the password ends cannot be known
        ("postgresql://u:p/w@host/d", "postgresql://..."),
        ("postgresql://u:p@w@host/d", "postgresql://..."),
        ("postgresql://u:p?w@host/d", "postgresql://..."),
        ("postgresql://u:12?sslmode=b@host/d", "postgresql://..."),
        ("postgresql://u:password", "postgresql://..."),
        ("https://token@host/data.csv?key=1", "https://***@host/data.csv?***"),
        ("jdbc:postgresql://u:p@host/d", "jdbc:postgresql://u:***@host/d"),
        ("host=h password='a b' dbname=d", "host=h password=***"),
    ],
)
def test_what_is_harmless_is_shown(source: str, text: str):
    assert shown(source) == text
    assert shown(text) == text


SAFE = st.characters(categories=["L", "N"], max_codepoint=0x2FF)
HARD = st.one_of(SAFE, st.sampled_from("/#?@:&=%+ '\"[]"))
# letters that no other part of a URL below holds
SECRETS = st.text(HARD, max_size=12).map(lambda text: f"QZQ{text}QZQ")


@given(SECRETS, st.booleans())
def test_no_part_of_a_password_is_shown_or_left_in_an_error(secret: str, encoded: bool):
    written = quote(secret, safe="") if encoded else secret
    for url in (
        f"postgresql://u:{written}@host:5432/d",
        f"postgresql://u:{written}@host/d?sslmode=require",
        f"postgresql://u@host/d?password={written}",
        f"postgresql://u@host/d?sslpassword={written}&sslmode=require",
        f"postgresql://host?user=u&password={written}",
        f"mysql://u:{written}@host/d",
        # an @ would make a host of what follows it: u:a@b cannot be told from a password and a host
        f"postgresql://u:{written.replace('@', '%40')}",
    ):
        assert "QZQ" not in shown(url)
        for error in (f"cannot read {url}: no", f"cannot read {url!r}: no", f'port "{secret}" no'):
            assert "QZQ" not in hide(error, [url])


def test_parts_of_a_password_are_hidden_as_a_driver_quotes_them():
    url = "postgresql://u:se/cr?e=x@h/d"
    said = 'missing key/value separator "=" in URI query parameter: "e", host "cr" "x@h/d"'
    hidden = hide(said, [url])
    assert '"e"' not in hidden
    assert '"cr"' not in hidden
    assert "x@h" not in hidden
    assert "missing key/value separator" in hidden


def test_passwords_are_found_wherever_they_stand_on_a_command_line():
    url = "postgresql://u:p@h/d"
    words = ["search", "data.csv", f"--test={url}", f"data_path={url}", "max_tokens=5"]
    assert sources_in(words) == [url, url]
    assert sources_in(["host=h password=p"]) == ["password=p"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("select * from t", "select * from t"),
        ("select password, pwd as p from t", "select password, pwd as p from t"),
        ("select 'a@b:c', 1/2 from s.t", "select 'a@b:c', 1/2 from s.t"),
        ("f('host=h password=p dbname=d', 'x')", "f('host=h password=*** dbname=d', 'x')"),
        ("f('password=''p q'' host=h')", "f('password=*** host=h')"),
        (r"f(E'password=\'p q\' host=h')", "f(E'password=*** host=h')"),
        ("f($$PASSWORD = p host=h$$)", "f($$PASSWORD = *** host=h$$)"),
        ("f('postgresql://u:p#q@h/d')", "f('postgresql://u:***@h/d')"),
        ("f('postgresql://h/d?sslpassword=p', 1)", "f('postgresql://h/d?sslpassword=***', 1)"),
        ("select 1 where pwd = 'it''s p' and a", "select 1 where pwd = *** and a"),
        ("select 1 where pwd = $q$a p$q$ and a", "select 1 where pwd = *** and a"),
    ],
)
def test_a_query_is_shown_without_what_looks_like_a_password(query: str, text: str):
    assert without_passwords(query) == text
    assert without_passwords(text) == text
