import pytest

from automl.cli.data_options import split_settings
from automl.cli.parser import UsageError

KEYS = ("data.strict", "data.sql")


def test_settings_are_told_from_other_words():
    words = ["run", "data.strict=TRUE", "x.csv", "data.sql=select a=b, 'c'"]
    settings = {"data.strict": True, "data.sql": "select a=b, 'c'"}
    assert split_settings(words, *KEYS) == (["run", "x.csv"], settings)
    assert split_settings(["run", "data.keep=x"], *KEYS) == (["run", "data.keep=x"], {})


def test_a_setting_that_is_given_twice_or_wrong_is_refused():
    with pytest.raises(UsageError, match=r"data\.sql is given twice"):
        split_settings(["data.sql=a", "data.sql=b"], *KEYS)
    with pytest.raises(UsageError, match=r"data\.strict: expected true or false, got 'yes'"):
        split_settings(["data.strict=yes"], *KEYS)


def test_a_file_that_is_called_like_a_setting_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.strict=yes").touch()
    assert split_settings(["data.strict=yes"], *KEYS) == (["data.strict=yes"], {})
