import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automl.config.compose import compose_config
from automl.config.saved import load_config, save_config
from automl.config.schema import SearchConfig
from automl.errors import RunError

TEXTS = st.text(st.sampled_from("ab ${}\\'\"=:[]\n#\t") | st.characters(), max_size=20)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(TEXTS)
def test_a_saved_configuration_is_read_back_as_it_was(tmp_path, text):
    config = SearchConfig(target=text, model={"alpha": {"fixed": {"x": [1, None, text]}}})
    config.data.kinds = {text: "text"}
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


def test_a_composed_configuration_is_read_back_as_it_was(registry, tmp_path):
    config = compose_config(["preset=best", "model.alpha.sizes=[1]"], {"seed": 3}, registry).config
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    "text", ["", "[1]", "seed: x\n...\n", "no_such_key: 1\n...\n", "a: [", "\ufffe"]
)
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode("utf-16") if text == "\ufffe" else text.encode())
    with pytest.raises(RunError, match=r"config\.yaml is damaged"):
        load_config(path)


def test_a_file_that_is_torn_after_any_line_is_named(tmp_path):
    path = tmp_path / "config.yaml"
    save_config(SearchConfig(), path)
    lines = path.read_bytes().splitlines(keepends=True)
    for n in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:n]))
        with pytest.raises(RunError, match=r"config\.yaml is damaged"):
            load_config(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunError, match=r"nowhere\.yaml is missing"):
        load_config(tmp_path / "nowhere.yaml")


def test_a_password_in_a_query_is_not_saved(tmp_path):
    config = SearchConfig()
    config.data.sql = "select * from dblink('host=h password=Hush77', 'table t') as t (a int)"
    save_config(config, tmp_path / "config.yaml")
    saved = load_config(tmp_path / "config.yaml").data.sql
    assert saved == "select * from dblink('host=h password=***', 'table t') as t (a int)"
    assert "Hush77" in config.data.sql
