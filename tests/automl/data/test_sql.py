"""Databases as sources: which URLs are theirs, and what of them may be shown."""

import pytest

from automl.data.sql import is_database_url, without_password


@pytest.mark.parametrize(
    ("source", "is_url"),
    [
        ("postgresql://u:p@host/d", True),
        ("sqlite:///file.db", True),
        ("data.csv", False),
        ("https://host/data.csv", False),
        (None, False),
    ],
)
def test_a_database_url_is_known_by_its_scheme(source, is_url):
    assert is_database_url(source) is is_url


def test_the_password_of_a_url_is_not_shown():
    assert without_password("postgresql://u:p@host/d") == "postgresql://u:***@host/d"
    assert without_password("data.csv") == "data.csv"
