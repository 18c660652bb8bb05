import pytest

from automl.errors import MissingExtraError, PluginError
from automl.plugin import ColumnKind, Task
from automl.registry import load_registry

OTHERS = ("automl-search",)


def test_an_unknown_family_names_the_nearest_and_all(install, family_source):
    install("dist-a", "plugin_a", family_source("alpha"))
    with pytest.raises(PluginError, match=r"unknown family 'alhpa'; did you mean 'alpha'\?.*known"):
        load_registry(block=OTHERS).get("alhpa")


def test_a_broken_plugin_fails_only_the_run_that_names_it(install, family_source):
    install("dist-a", "alpha", "raise ValueError('not today')")
    install("dist-b", "plugin_b", family_source("beta"))
    registry = load_registry(block=OTHERS)
    assert [f.name for f in registry.select(["beta"])] == ["beta"]
    with pytest.raises(PluginError, match="'alpha' of dist-a is broken: ValueError: not today"):
        registry.select(["beta", "alpha"])


def test_two_families_of_one_name_fail_only_when_asked_for(install, family_source):
    install("dist-a", "plugin_a", family_source("same"))
    install("dist-b", "plugin_b", family_source("same"))
    install("dist-c", "plugin_c", family_source("other"))
    registry = load_registry(block=OTHERS)
    assert [f.name for f in registry.select(None)] == ["other"]
    with pytest.raises(PluginError) as error:
        registry.get("same")
    for word in ("dist-a", "plugin_a", "dist-b", "plugin_b", "plugins.block"):
        assert word in str(error.value)
    assert [r.distribution for r in registry.conflicts["same"]] == ["dist-a", "dist-b"]
    assert any("'same'" in note for note in registry.notes())


def test_a_family_without_its_library_is_left_out_unless_named(install, family_source):
    extra = 'preload = ("json", "no_such_library.sub"); extra = "nets"'
    install("dist-a", "plugin_a", family_source("alpha", extra))
    install("dist-b", "plugin_b", family_source("beta"))
    registry = load_registry(block=OTHERS)
    assert [f.name for f in registry.select(None)] == ["beta"]
    assert any("no_such_library" in note for note in registry.notes())
    with pytest.raises(MissingExtraError, match=r"no_such_library.*pip install 'dist-a\[nets\]'"):
        registry.select(["alpha"])


def test_a_library_is_not_missed_where_the_table_has_nothing_for_its_family(install, family_source):
    imports = "from automl.plugin import ColumnKind\n"
    extra = 'preload = ("no_such_library",); needs = (frozenset({ColumnKind.TEXT}),)'
    source = family_source("alpha", extra, "SelectiveFamily")
    install("dist-a", "plugin_a", imports + source)
    registry = load_registry(block=OTHERS)
    assert registry.notes_for(None, Task.REGRESSION, {ColumnKind.NUMERIC}) == ()
    (note,) = registry.notes_for(None, Task.REGRESSION, {ColumnKind.NUMERIC, ColumnKind.TEXT})
    assert "no_such_library" in note


def test_what_extras_of_one_distribution_would_bring_is_said_in_one_line(install, family_source):
    fields = [
        {"name": f"family_{number}", "preload": ("nothing",), "extra": extra}
        for number, extra in enumerate(("nets", "trees", "nets"))
    ]
    made = ", ".join(f"type('Other', (Family,), {one})()" for one in fields)
    source = family_source("alpha").replace("[Family()]", f"[{made}]")
    install("dist-a", "plugin_a", source)
    install("dist-b", "plugin_b", family_source("other", 'preload = ("nothing",); extra = "b"'))
    assert load_registry(block=OTHERS).notes() == (
        "families family_0, family_1 and family_2 are skipped: their libraries are not "
        "installed: pip install 'dist-a[nets,trees]'",
        "family other needs nothing, which is not installed: pip install 'dist-b[b]'",
    )


def test_families_come_in_the_order_they_are_named(install, family_source):
    install("dist-a", "plugin_a", family_source("alpha"))
    install("dist-b", "plugin_b", family_source("beta"))
    registry = load_registry(block=OTHERS)
    assert [f.name for f in registry.select(["beta", "alpha"])] == ["beta", "alpha"]


@pytest.mark.parametrize(
    ("names", "text"), [([], "family is empty"), (["a", "a"], "more than once")]
)
def test_a_choice_that_makes_no_sense_is_refused(install, names, text):
    with pytest.raises(PluginError, match=text):
        load_registry().select(names)
