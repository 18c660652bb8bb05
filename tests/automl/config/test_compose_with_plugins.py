"""Plugins whose config groups do not fit harm no other search."""

import sys

import pytest

from automl.config.compose import compose_with_plugins
from automl.errors import ConfigError

GROUPS = """
from automl.plugin import hookimpl
@hookimpl
def automl_config_search_path(): return {path!r}
"""


@pytest.fixture
def install_groups(install, tmp_path):
    """install_groups(dist, module, {file: text}): a plugin with config groups."""

    def make(distribution, module, files, source=""):
        folder = tmp_path / module
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# @package _global_\n{text}\n")
        install(distribution, module, source + GROUPS.format(path=f"file://{folder}"))

    return make


STALE = {"gone/default.yaml": "search: {no_such_key: 1}"}


def test_a_stale_key_leaves_out_the_groups_of_its_distribution_alone(install_groups):
    install_groups("dist-a", "plugin_a", STALE)
    install_groups("dist-b", "plugin_b", {"mine/default.yaml": "search: {folds: 4}"})
    composed, registry = compose_with_plugins([], {})
    assert composed.config.search.folds == 4
    (remark,) = registry.remarks
    assert remark.startswith("the config groups of dist-a (file://")
    assert "no_such_key" in remark
    assert [name for name, _ in registry.config_search_paths] == ["dist-b"]


def test_a_value_out_of_range_leaves_them_out_too(install_groups):
    install_groups("dist-a", "plugin_a", {"gone/default.yaml": "search: {folds: -1}"})
    composed, registry = compose_with_plugins([], {})
    assert composed.config.search.folds != -1
    assert "dist-a" in registry.remarks[0]


def test_an_error_of_the_user_is_told_beside_what_was_left_out(install_groups):
    install_groups("dist-a", "plugin_a", STALE)
    with pytest.raises(ConfigError) as error:
        compose_with_plugins(["search.fodls=3"], {})
    assert "search.folds" in str(error.value)
    assert "dist-a" in str(error.value)


def test_an_option_that_is_chosen_and_does_not_fit_is_named_with_its_distribution(install_groups):
    install_groups("dist-a", "plugin_a", {"gone/extra.yaml": "search: {no_such_key: 1}"})
    assert compose_with_plugins([], {})[1].remarks == ()
    with pytest.raises(ConfigError, match=r"no_such_key.*\(gone=extra comes from dist-a\)"):
        compose_with_plugins(["gone=extra"], {})


def test_a_search_that_names_its_families_imports_no_other_plugin(install_groups, install):
    install_groups("dist-a", "plugin_a", STALE)
    composed, registry = compose_with_plugins(["family=[baseline]"], {"metric": "roc_auc"})
    assert composed.config.family == ["baseline"]
    assert "plugin_a" not in sys.modules
    assert registry.remarks == ()


def test_it_imports_them_where_it_uses_something_of_theirs(install_groups, family_source):
    mine = {"mine/four.yaml": "search: {folds: 4}"}
    install_groups("dist-a", "plugin_a", mine, family_source("alpha"))
    composed, _ = compose_with_plugins(["family=[baseline]", "mine=four"], {})
    assert composed.config.search.folds == 4
    composed, registry = compose_with_plugins(["family=[baseline, alpha]"], {})
    assert "alpha" in registry.families
