"""The page on configuration tells of every key and group there is, and of no other."""

import json
import re

import pytest

from automl.config.compose import compose_config
from automl.config.fields import config_keys, value_of
from automl.config.groups import CORE_PATH, find_groups
from automl.registry import load_registry

ROW = re.compile(r"^\| `(?P<key>[\w.]+)` \| `(?P<default>[^`]*)` \| (?P<means>.+) \|$", re.M)
GROUP = re.compile(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \| `(\w+)` \|$", re.M)
OF_EVERY_FAMILY = ("fixed", "max_trials")


@pytest.fixture(scope="module")
def page(request):
    return (request.config.rootpath / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def defaults():
    """Default of every key, for the families of this distribution alone."""
    registry = load_registry()
    ours = [r for r in registry.families.values() if r.distribution == "automl-search"]
    config = compose_config([], {}, registry).config
    return {
        key: value_of(config, key)
        for key in config_keys([r.family for r in ours])
        if not (key.startswith("model.") and key.endswith(OF_EVERY_FAMILY))
    }


def test_every_key_is_on_the_page_with_its_default_and_no_other(page, defaults):
    rows = {m["key"]: m["default"] for m in ROW.finditer(page) if not GROUP.match(m[0])}
    assert rows == {key: json.dumps(value) for key, value in defaults.items()}


def test_the_row_of_an_option_is_its_declaration(page):
    rows = {m["key"]: m["means"] for m in ROW.finditer(page) if not GROUP.match(m[0])}
    declared = {
        leaf.key: f"{leaf.declared.help} (`{leaf.flag}`)"
        if leaf.declared.section
        else leaf.declared.help
        for leaf in config_keys(()).values()
    }
    assert {key: rows[key] for key in declared} == declared


def groups_of(page):
    return {m[1]: (m[2], m[3]) for m in GROUP.finditer(page)}


def test_every_group_is_on_the_page_with_its_options(page):
    told = {
        name: tuple(re.findall(r"\w+", options)) for name, (options, _) in groups_of(page).items()
    }
    assert told == find_groups([CORE_PATH])


def test_the_default_options_are_those_of_the_configuration(page, request):
    text = (request.config.rootpath / "conf/automl_conf/config.yaml").read_text(encoding="utf-8")
    chosen = dict(re.findall(r"^  - (\w+): (\w+)$", text, re.M))
    told = {name: default for name, (_, default) in groups_of(page).items() if name != "preset"}
    assert told == chosen
