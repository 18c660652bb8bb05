import os
import subprocess
import sys
import textwrap

import pytest

from automl.metrics import CATALOG, get_metric
from automl.plugin import Task
from automl.registry import load_plugins_for, load_registry

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
    assert ("plugin_a", frozenset({"alpha"})) in registry.plugins


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
            "unknown hook 'automl_modelfamilies'; did you mean 'automl_model_families'?",
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
        ('settings = {"fixed": {}}', "the setting 'fixed' is reserved: every family has it"),
        ('settings = {"a b": 1}', "the setting 'a b' is not a plain name"),
        ('settings = {"size": object()}', "the default of the setting 'size' is not a YAML value"),
        ('setting_ranges = {"size": None}', "setting_ranges names 'size', which is not a setting"),
        ("tasks = frozenset()", "tasks must be a set of Task"),
    ],
)
def test_a_family_that_breaks_a_rule_is_refused(install, family_source, extra, expected):
    install("dist-a", "plugin_a", family_source("alpha", extra, "ConfigurableFamily"))
    assert expected in broken_error("plugin_a")


@pytest.mark.parametrize(
    ("extra", "capability"),
    [
        ("settings = {}", "ConfigurableFamily"),
        ("def extra_params(self, problem): return {}", "ConfigurableFamily"),
        ('fidelity = "rounds"', "IterativeFamily"),
        ('packable_params = frozenset({"x"})', "PackedFamily"),
        ("def fit_pack(self, members, context): return []", "PackedFamily"),
        ("def refit(self, params, fold, context, models): return None", "RefittableFamily"),
        ("def unsupported_reason(self, problem): return None", "SelectiveFamily"),
    ],
)
def test_a_capability_that_is_not_inherited_is_refused_not_skipped(
    install, family_source, extra, capability
):
    install("dist-a", "plugin_a", family_source("alpha", extra))
    assert f"inherit automl.plugin.{capability}" in broken_error("plugin_a")


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
        ("['alpha']", "returns 'alpha', which is not of type ModelFamily"),
        ("[Family(), Family()]", "family 'alpha' is defined twice"),
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
    assert "metric 'gain' is already defined by dist-a (plugin_a)" in broken_error("plugin_b")


def test_a_metric_named_like_one_of_automl_is_left_out_and_hides_nothing(install):
    install("dist-a", "plugin_a", METRIC.replace("gain", "rmse"))
    registry = load_registry(block=OTHERS)
    assert registry.metrics == {}
    assert broken_error("plugin_a") == "metric 'rmse' is built in: rename it"
    assert get_metric("rmse", Task.REGRESSION, registry.metrics) is CATALOG["rmse"]


def test_a_family_of_automl_keeps_its_name_whoever_claims_it(install, family_source):
    install("aaa-first", "plugin_a", family_source("baseline"))
    registry = load_registry()
    assert registry.families["baseline"].distribution == "automl-search"
    assert {r.distribution for r in registry.conflicts["baseline"]} == {
        "aaa-first",
        "automl-search",
    }


NOISY = """
import os, subprocess, sys
print("hello from", __name__)
os.write(1, b"straight to the descriptor\\n")
subprocess.run([sys.executable, "-S", "-c", "print('from a child')"], check=True)
"""


def test_what_a_plugin_prints_when_it_is_imported_is_kept_with_its_name(
    install, family_source, capfd
):
    install("dist-a", "plugin_a", NOISY + family_source("alpha"))
    registry = load_registry(block=OTHERS)
    assert capfd.readouterr().out == ""
    (remark,) = registry.remarks
    assert remark.startswith("plugin 'plugin_a' of dist-a printed while it was imported: ")
    for text in ("hello from plugin_a", "straight to the descriptor", "from a child"):
        assert text in remark
    print("as before")
    assert capfd.readouterr().out == "as before\n"


@pytest.mark.parametrize("source", ["import os\nos._exit(3)", "from os import _exit\n_exit(3)"])
def test_a_plugin_that_ends_the_process_is_left_out_and_the_process_goes_on(
    install, family_source, source
):
    install("dist-a", "plugin_a", source)
    install("dist-b", "plugin_b", family_source("beta"))
    before = os._exit
    assert "beta" in load_registry(block=OTHERS).families
    assert broken_error("plugin_a") == "SystemExit: os._exit(3)"
    assert os._exit is before


def test_a_child_that_a_plugin_forks_may_end_itself(install, family_source):
    source = """
        import os
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        CODE = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    """
    install("dist-a", "plugin_a", textwrap.dedent(source) + family_source("alpha"))
    registry = load_registry(block=OTHERS)
    assert "alpha" in registry.families
    assert sys.modules["plugin_a"].CODE == 7


def test_a_crash_in_an_import_shows_the_line(install, tmp_path):
    install("dist-a", "plugin_a", "import ctypes\nctypes.string_at(0)")
    code = "from automl.registry import load_registry; load_registry(block=['automl-search'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode < 0
    assert 'plugin_a.py", line 2 in <module>' in done.stderr


def test_only_the_plugins_of_the_families_and_the_metric_are_imported(install, family_source):
    install("dist-a", "alpha", family_source("alpha"))
    install("dist-b", "beta", family_source("beta"))
    install("dist-c", "gain", METRIC)
    registry = load_plugins_for(["alpha"], "gain", block=OTHERS)
    assert list(registry.families) == ["alpha"]
    assert list(registry.metrics) == ["gain"]
    assert registry.modules_of(["alpha"], "gain") == ("alpha", "gain")
    assert "beta" not in sys.modules


@pytest.mark.parametrize(("families", "metric"), [(["odd"], None), ([], "gain")])
def test_a_plugin_under_another_name_than_its_family_is_found_too(
    install, family_source, families, metric
):
    install("dist-a", "plugin_a", family_source("odd"))
    install("dist-c", "plugin_c", METRIC)
    registry = load_plugins_for(families, metric, block=OTHERS)
    assert "odd" in registry.families
    assert "gain" in registry.metrics


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
    assert ("plugin_a", frozenset()) in registry.plugins


def test_an_executor_of_a_name_that_is_taken_is_an_error_that_names_both(install):
    for letter in "ab":
        source = EXECUTORS.format(result="[ExecutorFactory('mine', make)]")
        install(f"dist-{letter}", f"plugin_{letter}", source)
    assert broken_error("plugin_b") == ("executor 'mine' is already defined by dist-a (plugin_a)")
    assert "mine" in load_registry(block=OTHERS).executors


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("ExecutorFactory('mine', make)", "must return a list of ExecutorFactory"),
        ("[make]", "which is not of type ExecutorFactory"),
        ("[ExecutorFactory('local', make)]", "executor 'local' is built in: choose another name"),
        ("[ExecutorFactory('my cluster', make)]", "use lower-case letters, digits and _"),
        ("[ExecutorFactory('mine', None)]", "executor 'mine': make must be a function, not None"),
        ("2 * [ExecutorFactory('mine', make)]", "executor 'mine' is defined twice"),
    ],
)
def test_an_executor_that_breaks_a_rule_is_refused(install, result, expected):
    install("dist-a", "plugin_a", EXECUTORS.format(result=result))
    assert expected in broken_error("plugin_a")
    assert "mine" not in load_registry(block=OTHERS).executors
