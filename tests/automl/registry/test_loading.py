import subprocess
import sys

import pytest

from automl.registry import load_registry

OTHERS = ("automl-search",)


def broken_error(name: str) -> str:
    (broken,) = [b for b in load_registry(block=OTHERS).broken if b.plugin == name]
    return broken.error


def test_a_family_is_found_with_where_it_comes_from(install, family_source):
    install("dist-a", "plugin_a", family_source("alpha"), version="2.5")
    registry = load_registry(block=OTHERS)
    found = registry.families["alpha"]
    assert (found.distribution, found.version, found.module) == ("dist-a", "2.5", "plugin_a")
    assert registry.get("alpha") is found.family
    (plugin,) = [p for p in registry.plugins if p.plugin == "plugin_a"]
    assert plugin.hooks == ("automl_model_families",)
    assert plugin.families == ("alpha",)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import no_such_library_at_all", "ModuleNotFoundError: No module named 'no_such_lib"),
        ("def broken(:\n", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise RuntimeError('boom\\nsecond line')", "RuntimeError: boom second line"),
    ],
)
def test_a_plugin_that_cannot_be_imported_harms_no_other(install, family_source, source, expected):
    install("dist-a", "plugin_a", source)
    install("dist-b", "plugin_b", family_source("beta"))
    registry = load_registry(block=OTHERS)
    assert expected in broken_error("plugin_a")
    assert "beta" in registry.families


def test_ctrl_c_during_an_import_passes(install):
    install("dist-a", "plugin_a", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_registry()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "from automl.plugin import hookimpl\n@hookimpl\ndef automl_modelfamilies(): return []",
            "there is no hook 'automl_modelfamilies'; did you mean 'automl_model_families'?",
        ),
        (
            "def automl_modelfamilies(): return []",
            "automl_modelfamilies looks like a hook but is not marked @hookimpl; "
            "did you mean 'automl_model_families'?",
        ),
        (
            "def automl_metrics(): return []",
            "automl_metrics looks like a hook but is not marked @hookimpl",
        ),
        (
            "from automl.plugin import hookimpl\n"
            "@hookimpl\ndef automl_model_families(registry): return []",
            "hook 'automl_model_families'",
        ),
    ],
)
def test_a_misspelt_hook_is_an_error_that_names_the_real_one(install, source, expected):
    install("dist-a", "plugin_a", source)
    assert expected in broken_error("plugin_a")


def test_a_helper_with_the_prefix_that_is_imported_is_no_hook(install, family_source):
    source = family_source("alpha") + "\nfrom automl.registry.loading import load_registry as "
    install("dist-a", "plugin_a", source + "automl_helper\n")
    assert "alpha" in load_registry(block=OTHERS).families


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ('settings = {"fixed": {}}', "the setting 'fixed' is one that every family has"),
        ('settings = {"a b": 1}', "the setting 'a b' is not a plain name"),
        ('settings = {"size": object()}', "the default of the setting 'size' is no YAML value"),
        ('setting_ranges = {"size": None}', "setting_ranges names 'size', which is no setting"),
        ("tasks = frozenset()", "tasks must be a set of Task"),
    ],
)
def test_a_family_that_breaks_a_rule_is_refused(install, family_source, extra, expected):
    install("dist-a", "plugin_a", family_source("alpha", extra))
    assert expected in broken_error("plugin_a")


@pytest.mark.parametrize("name", ["Alpha", "a-b", "", "1a", "../up"])
def test_a_family_name_that_is_no_plain_word_is_refused(install, family_source, name):
    install("dist-a", "plugin_a", family_source(name))
    assert "use lower-case letters" in broken_error("plugin_a")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("Family()", "must return a list of ModelFamily, not Family"),
        ("None", "must return a list of ModelFamily, not NoneType"),
        ("[Family]", "returns the class Family: write Family()"),
        ("['alpha']", "returns 'alpha', which is no ModelFamily"),
        ("[Family(), Family()]", "family 'alpha' is brought twice"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_a_hook_returns_is_checked(install, family_source, result, expected):
    source = family_source("alpha").replace("return [Family()]", f"return {result}")
    install("dist-a", "plugin_a", source)
    assert expected in broken_error("plugin_a")


SEARCH_PATH = """
from automl.plugin import hookimpl
@hookimpl
def automl_config_search_path(): return {path!r}
"""


def test_a_config_search_path_is_kept_with_its_distribution(install):
    install("dist-a", "plugin_a", SEARCH_PATH.format(path="pkg://automl_conf"))
    assert ("dist-a", "pkg://automl_conf") in load_registry(block=OTHERS).config_search_paths


@pytest.mark.parametrize("path", ["conf", "pkg://no_such_package", "file:///no/such/folder", 3])
def test_a_config_search_path_that_leads_nowhere_is_an_error(install, path):
    install("dist-a", "plugin_a", SEARCH_PATH.format(path=path))
    assert "search path" in broken_error("plugin_a").replace("_", " ")


METRIC = """
from automl.plugin import Metric, Task, hookimpl
@hookimpl
def automl_metrics():
    return [Metric("gain", True, "values", (0.0, 1.0), frozenset({Task.REGRESSION}),
                   lambda y, p, w: 0.5)]
"""


def test_a_metric_of_a_name_that_is_taken_is_an_error_that_names_both(install):
    install("dist-a", "plugin_a", METRIC)
    install("dist-b", "plugin_b", METRIC)
    registry = load_registry(block=OTHERS)
    assert registry.metrics["gain"].bounds == (0.0, 1.0)
    assert "metric 'gain' is brought by dist-a (plugin_a) already" in broken_error("plugin_b")


def test_a_module_named_in_the_configuration_is_a_plugin(install, family_source, tmp_path):
    (tmp_path / "site" / "loose.py").write_text(family_source("loose_family"), encoding="utf-8")
    registry = load_registry(modules=["loose"], block=OTHERS)
    assert registry.families["loose_family"].distribution == "plugins.modules"


def test_a_module_that_is_installed_as_well_counts_once(install, family_source):
    install("dist-a", "plugin_a", family_source("alpha"))
    registry = load_registry(modules=["plugin_a", "plugin_a"], block=OTHERS)
    assert registry.families["alpha"].distribution == "dist-a"
    assert not [b for b in registry.broken if b.plugin == "plugin_a"]


def test_a_module_that_is_not_importable_says_what_to_do(install):
    (broken,) = load_registry(modules=["no_such_module_here"], block=OTHERS).broken
    assert "PYTHONPATH" in broken.error


def test_a_blocked_distribution_is_not_even_imported(install):
    install("Dist.A", "plugin_a", "raise RuntimeError('imported')")
    registry = load_registry(block=["dist-a", *OTHERS])
    assert not registry.broken
    assert "plugin_a" not in sys.modules


def test_loading_the_registry_imports_no_heavy_library():
    code = (
        "import sys, automl.registry as r; r.load_registry(); heavy = {'sklearn', 'torch', "
        "'lightgbm', 'optuna', 'pandas', 'hydra'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


EXECUTORS = """
from automl.plugin import ExecutorFactory, hookimpl
def make(scheduler): raise NotImplementedError
@hookimpl
def automl_executors(): return {result}
"""


def test_an_executor_is_found_by_its_name_and_not_made(install):
    install("dist-a", "plugin_a", EXECUTORS.format(result="[ExecutorFactory('mine', make)]"))
    registry = load_registry(block=OTHERS)
    assert [registry.executors["mine"].name] == ["mine"]
    (plugin,) = [p for p in registry.plugins if p.plugin == "plugin_a"]
    assert plugin.hooks == ("automl_executors",)


def test_an_executor_of_a_name_that_is_taken_is_an_error_that_names_both(install):
    for letter in "ab":
        source = EXECUTORS.format(result="[ExecutorFactory('mine', make)]")
        install(f"dist-{letter}", f"plugin_{letter}", source)
    assert broken_error("plugin_b") == ("executor 'mine' is brought by dist-a (plugin_a) already")
    assert "mine" in load_registry(block=OTHERS).executors


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("ExecutorFactory('mine', make)", "must return a list of ExecutorFactory"),
        ("[make]", "which is no ExecutorFactory"),
        ("[ExecutorFactory('local', make)]", "executor 'local' is built in: choose another name"),
        ("[ExecutorFactory('my cluster', make)]", "use lower-case letters, digits and _"),
        ("[ExecutorFactory('mine', None)]", "executor 'mine': make must be a function, not None"),
        ("2 * [ExecutorFactory('mine', make)]", "executor 'mine' is brought twice"),
    ],
)
def test_an_executor_that_breaks_a_rule_is_refused(install, result, expected):
    install("dist-a", "plugin_a", EXECUTORS.format(result=result))
    assert expected in broken_error("plugin_a")
    assert "mine" not in load_registry(block=OTHERS).executors
