"""Databases as sources: which URLs are theirs, and which are refused before a driver sees them."""

import pytest

from automl.data.sql import is_database_url, read_sql
from automl.errors import DataError


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


@pytest.mark.parametrize(
    "url", ["postgresql://u:hush/Hush@host/d", "postgresql://u:hush@Hush@host/d"]
)
def test_a_url_whose_parts_cannot_be_told_apart_is_refused_with_the_way_to_write_it(url):
    with pytest.raises(DataError, match=r"must be written as %40 or %2F") as error:
        read_sql(url, "select 1")
    assert "ush" not in str(error.value)
