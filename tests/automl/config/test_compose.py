import re
import textwrap
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from automl.config.compose import compose_config, plugin_settings
from automl.config.groups import CORE_PATH, find_groups
from automl.config.schema import SearchConfig
from automl.errors import ConfigError
from automl.plugin import ExecutorFactory
from automl.registry import BrokenPlugin, Registry, load_registry


def compose(registry, *overrides, options=None, **values):
    found = {key.replace("__", "."): value for key, value in values.items()}
    return compose_config(overrides, options or {}, registry, found)


def problems(registry, *overrides, options=None, **values):
    with pytest.raises(ConfigError) as error:
        compose(registry, *overrides, options=options, **values)
    return str(error.value)


def test_nothing_asked_for_gives_the_schema_with_the_settings_of_each_family(registry):
    config = compose(registry).config
    alpha = {
        "max_rows": 100,
        "share": 0.5,
        "exact": True,
        "kernel": "rbf",
        "sizes": [8, 16],
        "anything": None,
        "nested": {"a": 1},
        "fixed": {},
        "max_trials": None,
    }
    beta = {"fixed": {}, "max_trials": None}
    assert config == SearchConfig(model={"alpha": alpha, "beta": beta})


def test_no_family_at_all_composes():
    assert compose_config([], {}, Registry()).config == SearchConfig()


@pytest.mark.parametrize(
    ("group", "option"),
    [(g, o) for g, options in find_groups([CORE_PATH]).items() for o in options],
)
def test_every_option_of_every_group_composes_and_is_valid(registry, group, option):
    composed = compose(registry, f"{group}={option}")
    if group in ("sampler", "pruner"):
        assert getattr(composed.config, group).name == option
    if group == "preset":
        assert composed.config.preset == option


def test_later_wins_default_group_preset_override_setting_option(registry):
    composed = compose(registry, "preset=best", "sampler=random", options={"seed": 9})
    config = composed.config
    assert (config.ensemble.max_members, config.sampler.name, config.seed) == (25, "random", 9)
    config = compose(registry, "ensemble.max_members=7", "preset=best").config
    assert (config.ensemble.max_members, config.ensemble.steps) == (7, 40)
    assert compose(registry, "seed=1", seed=2).config.seed == 2
    assert compose(registry, "seed=1", options={"seed": 3}, seed=2).config.seed == 3
    assert compose(registry, "preset=best", options={"preset": "fast"}).config.search.folds == 3


def test_each_value_knows_where_it_came_from(registry):
    origin = compose(
        registry,
        "preset=fast",
        "pruner=median",
        "search.folds=4",
        options={"target": "y"},
        model__alpha__max_rows=5,
    ).provenance
    assert origin["weight"] == "default"
    assert origin["data.sql"] == "default"
    assert origin["ensemble.enabled"] == "ensemble=greedy"
    assert origin["pruner.name"] == "pruner=median"
    assert origin["ensemble.steps"] == "preset=fast"
    assert origin["search.folds"] == "override search.folds"
    assert origin["target"] == "option target"
    assert origin["model.alpha.kernel"] == "settings of dist-x"
    assert origin["model.alpha.max_rows"] == "setting model.alpha.max_rows"


def test_values_of_every_type_are_read(registry):
    config = compose(
        registry,
        "family=[alpha,beta]",
        "search.folds=null",
        "search.reserve_share=.1",
        "ensemble.enabled=false",
        "scheduler.gpus=[0,1]",
        "model.alpha.fixed={C: 1.5, kernel: rbf}",
        "model.alpha.fixed.gamma=0.1",
        "model.alpha.sizes=[1]",
        "model.alpha.anything=[x]",
        "model.alpha.nested.b=2",
        "model.beta.max_trials=3",
        "time_s=2h",
    ).config
    assert config.family == ["alpha", "beta"]
    assert config.search.reserve_share == 0.1
    assert config.scheduler.gpus == [0, 1]
    assert config.model["alpha"]["fixed"] == {"C": 1.5, "kernel": "rbf", "gamma": 0.1}
    assert config.model["alpha"]["sizes"] == [1]
    assert config.model["alpha"]["anything"] == ["x"]
    assert config.model["alpha"]["nested"] == {"a": 1, "b": 2}
    assert config.model["beta"]["max_trials"] == 3
    assert config.time_s == 7200


def test_one_value_stands_for_a_list_of_one(registry):
    config = compose(registry, "family=alpha", "data.drop=id", "scheduler.gpus=0").config
    assert (config.family, config.data.drop, config.scheduler.gpus) == (["alpha"], ["id"], [0])


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("data.kinds={zip: categorical}", {"zip": "categorical"}),
        ("data.kinds={zip:categorical}", {"zip": "categorical"}),
        ("data.kinds={'a b': text, \"x=y,z\": numeric}", {"a b": "text", "x=y,z": "numeric"}),
        ('data.kinds={"${a}":"text"}', {"${a}": "text"}),
        ("data.kinds={no: boolean, 01: categorical}", {"no": "boolean", "01": "categorical"}),
        ("data.kinds={郵便番号: categorical, 🙂: text}", {"郵便番号": "categorical", "🙂": "text"}),
        ("data.kinds.a.b=text", {"a.b": "text"}),
        ("data.kinds.a b=text", {"a b": "text"}),
    ],
)
def test_kinds_take_strange_column_names(registry, text, kinds):
    assert compose(registry, text).config.data.kinds == kinds


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("data.drop=[01, no, null]", ["01", "no", "null"]),
        ("data.drop=['a, b', \"c'd\"]", ["a, b", "c'd"]),
        ("data.missing=[n/a, '-', '?']", ["n/a", "-", "?"]),
        ("data.keep=[999, no]", ["999", "no"]),
    ],
)
def test_names_in_lists_stay_texts(registry, text, names):
    config = compose(registry, text).config
    assert names in (config.data.drop, config.data.missing, config.data.keep)
    assert compose(registry, "wide=null").config.wide is None


@pytest.mark.parametrize(
    "text", ["${a}", "\\${a", "\\\\", "a=b,c: [d] # e", "'\"", "\n", "", "郵便"]
)
def test_an_option_takes_any_text_as_it_stands(registry, text):
    values = {"data.kinds": {text: "text"}, "data.drop": [text]}
    config = compose_config([], {"target": text}, registry, values).config
    assert (config.target, config.data.kinds, config.data.drop) == (text, {text: "text"}, [text])


@pytest.mark.parametrize("text", ["a=b", "${x}", "a b", "[1", "it's", "null ", "x,y", ""])
def test_a_text_key_typed_as_an_override_is_taken_as_it_stands(registry, text):
    assert compose(registry, f"target={text}").config.target == text


def test_quotes_around_a_text_key_are_quotes(registry):
    assert compose(registry, "target='null'").config.target == "null"
    assert compose(registry, "target=null").config.target is None


def test_python_values_need_no_grammar(registry):
    composed = compose(
        registry,
        options={"data_path": Path("a=b.csv"), "seed": np.int64(3), "time_s": "10m"},
        search__holdout_share=np.float32(0.25),
        sampler="random",
        ensemble={"steps": 3, "max_members": 2},
        family=("alpha",),
    )
    config = composed.config
    assert (config.data_path, config.seed, config.time_s) == ("a=b.csv", 3, 600.0)
    assert (config.search.holdout_share, config.sampler.name) == (0.25, "random")
    assert (config.ensemble.steps, config.ensemble.max_members) == (3, 2)
    assert config.family == ["alpha"]


def test_a_trial_budget_without_a_time_stops_the_clock(registry):
    composed = compose(registry, options={"trials": 5})
    assert composed.config.time_s is None
    assert composed.provenance["time_s"] == "no time limit: trials is given"
    assert compose(registry, options={"trials": 5, "time_s": 60.0}).config.time_s == 60
    assert compose(registry, "trials=5", "time_s=9").config.time_s == 9


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("search.fold=5", "unknown key 'search.fold'; did you mean 'search.folds'"),
        ("folds=5", "unknown key 'folds'; did you mean 'search.folds'?"),
        (
            "sampler=rndom",
            "unknown sampler; did you mean 'random'? (choices: cmaes, gp, random, tpe)",
        ),
        (
            "scheduler=nonsense",
            "scheduler=nonsense: unknown scheduler (choices: inline, local)",
        ),
        ("scheduler.name=inlin", "did you mean 'inline'?"),
        ("pruner.name=medain", "expected one of 'forgiving', "),
        ("pruner.name=medain", "did you mean 'median'?"),
        (
            "sampler.name=mine",
            "sampler.name='mine': expected one of 'tpe', 'random', 'gp', 'cmaes'",
        ),
        ("search.folds=abc", "search.folds=abc: expected an integer or null"),
        ("search.folds=2.5", "search.folds=2.5: expected an integer or null"),
        ("search.folds=true", "search.folds=True: expected an integer or null"),
        ("ensemble.enabled=2", "ensemble.enabled=2: expected true or false"),
        ("ensemble.steps=null", "ensemble.steps=None: expected an integer"),
        ("model.alpha.max_rows=abc", "model.alpha.max_rows=abc: expected an integer"),
        ("model.alpha.share=x", "model.alpha.share=x: expected a number"),
        ("model.alpha.sizes=[a]", "model.alpha.sizes=['a']: expected a list of integers"),
        ("model.alpha.maxrows=1", "did you mean 'model.alpha.max_rows'"),
        ("model.gamma.x=1", "unknown family 'gamma' (known: alpha, beta)"),
        ("+search.folds=3", "write it without +"),
        ("+search.new=3", "unknown key 'search.new'"),
        ("++model.alpha.new=3", "unknown key 'model.alpha.new'"),
        ("~search", "a setting cannot be removed"),
        ("search.folds.x=3", "search.folds holds an integer or null"),
        ("hydra.verbose=true", "unknown key 'hydra.verbose'"),
        ("data.csv", "'data.csv' is not a setting: write key=value"),
        ("family=alpha,beta", "write family=[alpha,beta]"),
        ("search.folds=[1", "cannot be read"),
        ("search={folds: 3, foo: 1}", "unknown key 'search.foo'"),
        ("data.kinds={a: nubmer}", "data.kinds.a='nubmer': expected one of 'numeric', "),
        ("data.kinds=[a]", "expected a mapping"),
        ("task=regresion", "did you mean 'regression'?"),
        ("search.folds=${oc.env:NO_SUCH_VARIABLE}", "search.folds: "),
        ("time_s=null", "there is no budget"),
        ("time_s=10x", "use 60, 90s, 10m"),
    ],
)
def test_a_mistake_names_key_value_and_the_way_out(registry, override, expected):
    assert expected in problems(registry, override)


def test_all_mistakes_come_at_once(registry):
    text = problems(
        registry,
        "search.fold=5",
        "search.folds=abc",
        "sampler=x",
        "search.repeats=0",
        options={"trials": -1, "tarjet": "y"},
        search__reserve_share=1.0,
        searhc__x=1,
    )
    assert len(text.splitlines()) == 8, text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("search.folds", 0),
        ("search.repeats", 0),
        ("search.holdout_share", 1.0),
        ("search.reserve_share", 0.0),
        ("time_s", 0.0),
        ("time_s", float("inf")),
        ("time_s", float("nan")),
        ("trials", 0),
        ("seed", -1),
        ("seed", 2**32),
        ("scheduler.cpus", 0),
        ("scheduler.gpus", [-1]),
        ("ensemble.steps", 0),
        ("model.alpha.max_trials", -1),
        ("search.keep_models", "some"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_key(registry, key, value):
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        compose_config([], {}, registry, {key: value})


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("max_rows=0", "model.alpha.max_rows=0: expected an integer from 1 to 1,000,000"),
        ("max_rows=2000000", "model.alpha.max_rows=2000000: expected an integer from 1 to 1,000,"),
        ("kernel=linaer", "model.alpha.kernel='linaer': expected one of 'rbf', 'linear'"),
        ("kernel=linaer", "did you mean 'linear'"),
        ("sizes=[4,0]", "model.alpha.sizes=0: expected an integer of at least 1"),
        ("share=nan", "model.alpha.share=nan: expected a number"),
        ("share=-inf", "model.alpha.share=-inf: expected a number"),
    ],
)
def test_a_setting_of_a_family_that_is_out_of_range_is_refused(registry, override, said):
    assert said in problems(registry, f"model.alpha.{override}")


def test_settings_of_a_family_within_their_ranges_are_taken(registry):
    inside = ("max_rows=1", "kernel=linear", "sizes=[1]", "share=-3.5", "anything=x")
    own = compose(registry, *(f"model.alpha.{text}" for text in inside)).config.model["alpha"]
    assert own["max_rows"] == 1
    assert own["kernel"] == "linear"


def test_one_column_cannot_play_two_parts(registry):
    options = {"target": "y", "weight": "y"}
    assert "target and weight both name the column 'y'" in problems(registry, options=options)
    options = {"group": "g", "folds_column": "f"}
    assert "contradict" in problems(registry, options=options)


def test_a_gap_needs_a_time_column_and_a_length(registry):
    said = problems(registry, "search.gap=7d", "search.window=x")
    assert "search.gap='7d': needs rows in order of time" in said
    assert "search.window: 'x' is not a valid time span" in said
    assert "search.gap: '0' is not a valid time span" in problems(
        registry, options={"search.gap": 0}
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [("7d", "7d"), (5, "5"), (timedelta(days=1, microseconds=5), "86400.000005s")],
)
def test_a_gap_is_a_text_a_number_or_a_timedelta(registry, value, text):
    options = {"time_column": "t", "search.gap": value}
    assert compose(registry, options=options).config.search.gap == text
    assert compose(registry, "time_column=t", search__window=value).config.search.window == text


def test_plugins_are_known_before_there_is_a_registry():
    overrides = ["plugins.modules=[a_b,c.d]", "plugins.block=dist-x", "search.fold=1"]
    found = plugin_settings(overrides)
    assert (found.modules, found.block) == (["a_b", "c.d"], ["dist-x"])
    assert plugin_settings([], {"plugins.modules": ["m"]}).modules == ["m"]
    with pytest.raises(ConfigError, match=r"plugins\.modules"):
        plugin_settings(["plugins.module=x"])


def test_composing_from_several_threads_gives_each_its_own(registry):
    found: dict[int, int] = {}

    def work(seed: int) -> None:
        found[seed] = compose(registry, f"seed={seed}").config.seed

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seed: seed for seed in range(6)}


def test_a_hydra_application_around_us_keeps_its_state(registry, tmp_path):
    from hydra import compose as outer_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    (tmp_path / "outer.yaml").write_text("a: 1\n", encoding="utf-8")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        outer = GlobalHydra.instance().hydra
        assert compose(registry, "seed=4").config.seed == 4
        assert GlobalHydra.instance().hydra is outer
        assert outer_compose("outer").a == 1


def plugin_with_conf(install, family_source, tmp_path, files):
    for name, text in files.items():
        file = tmp_path / "site" / "gam_conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    source = family_source("gam", 'settings = {"rounds": 10, "smooth": 0.5}', "ConfigurableFamily")
    hook = "@hookimpl\ndef automl_config_search_path(): return 'pkg://gam_conf'\n"
    install("dist-gam", "gam_plugin", f"{source}\n{hook}")
    return load_registry(block=["automl-search"])


def test_a_plugin_brings_config_groups_of_its_own(install, family_source, tmp_path):
    registry = plugin_with_conf(
        install,
        family_source,
        tmp_path,
        {
            "model/gam/wide.yaml": "rounds: 99\n",
            "model/gam/default.yaml": "rounds: 20\n",
            "preset/night.yaml": "# @package _global_\npreset: night\nsearch: {folds: 7}\n",
        },
    )
    composed = compose(registry)
    assert composed.config.model["gam"]["rounds"] == 20
    assert composed.provenance["model.gam.rounds"] == "model/gam=default of dist-gam"
    assert composed.provenance["model.gam.smooth"] == "settings of dist-gam"
    composed = compose(registry, "model/gam=wide", "preset=night", "model.gam.smooth=0.1")
    assert composed.config.model["gam"]["rounds"] == 99
    assert composed.config.model["gam"]["smooth"] == 0.1
    assert composed.config.search.folds == 7
    assert "model/gam=wid: unknown model/gam; did you mean 'wide'?" in problems(
        registry, "model/gam=wid"
    )


@pytest.mark.parametrize("header", ["", "# @package model.gam\n"])
def test_a_plugin_may_tune_its_family_in_one_file(install, family_source, tmp_path, header):
    registry = plugin_with_conf(
        install, family_source, tmp_path, {"model/gam.yaml": f"{header}smooth: 0.9\n"}
    )
    assert compose(registry).config.model["gam"]["smooth"] == 0.9


def test_a_plugins_group_that_breaks_the_schema_is_an_error_that_says_so(
    install, family_source, tmp_path
):
    files = {"model/gam/default.yaml": "ruonds: 20\n"}
    registry = plugin_with_conf(install, family_source, tmp_path, files)
    assert "ruonds" in problems(registry)


def test_a_folder_of_the_users_own_groups_is_searched(registry, tmp_path):
    (tmp_path / "preset").mkdir()
    text = "# @package _global_\npreset: mine\nseed: 12\n"
    (tmp_path / "preset" / "mine.yaml").write_text(text, encoding="utf-8")
    config = compose(registry, f"hydra.searchpath=[file://{tmp_path}]", "preset=mine").config
    assert (config.preset, config.seed) == ("mine", 12)


SEVERAL = "search.objectives=[score,predict_ms]"


def test_several_objectives_need_one_declared_prune_on(registry):
    text = problems(registry, SEVERAL)
    assert "several objectives need one declared `prune_on`: add search.prune_on=score" in text
    assert "pruner=none" in text
    for way_out in ("search.prune_on=score", "search.prune_on=predict_ms", "pruner=none"):
        assert len(compose(registry, SEVERAL, way_out).config.search.objectives) == 2


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["search.objectives=[score,predict]"],
            "search.objectives='predict': expected one of 'score', 'predict_ms', 'size_mb'; did",
        ),
        (["search.objectives=[size_mb]"], "score must come first"),
        (["search.objectives=[predict_ms,score]"], "score must come first"),
        (["search.objectives=[]"], "score must come first"),
        (["search.objectives=[score,score]"], "one is repeated"),
        ([SEVERAL, "search.prune_on=scor"], "='scor': expected one of 'score', 'predict_ms'"),
        (["search.prune_on=size_mb"], "must be one of the objectives (score)"),
        ([SEVERAL, "pruner=none", "sampler=cmaes"], "sampler.name=cmaes supports one objective"),
        (["limits.predict_ms=0"], "limits.predict_ms=0.0: expected a number above 0"),
        (["limits.size_mb=-1"], "limits.size_mb=-1.0: expected a number above 0"),
        (["limits.predict_s=1"], "predict_ms"),
    ],
)
def test_objectives_and_limits_that_do_not_fit_are_refused(registry, overrides, expected):
    assert expected in problems(registry, *overrides)


def test_an_executor_of_a_plugin_is_an_option_of_the_scheduler(registry):
    """It needs no YAML file, and its settings are those of all."""
    mine = ExecutorFactory("mine", lambda scheduler: None)
    registry = replace(registry, executors={"mine": mine})
    composed = compose(registry, "scheduler=mine", "scheduler.cpus=3")
    assert (composed.config.scheduler.name, composed.config.scheduler.cpus) == ("mine", 3)
    assert composed.provenance["scheduler.name"] == "scheduler=mine"
    assert compose(registry, "scheduler.name=mine").config.scheduler.name == "mine"
    assert compose(registry).config.scheduler.name == "local"
    with pytest.raises(ConfigError, match="choices: inline, local, mine"):
        compose(registry, "scheduler=yours")


def test_where_an_executor_is_unknown_broken_plugins_are_named(registry):
    broken = BrokenPlugin("ray", "automl-ray", "1.0", "ModuleNotFoundError: no ray")
    registry = replace(registry, broken=(broken,))
    for override in ("scheduler=ray", "scheduler.name=ray"):
        text = problems(registry, override)
        assert re.search("inline'?, '?local", text)
        assert "plugin 'ray' of automl-ray is broken: ModuleNotFoundError: no ray" in text
    assert "automl-ray" not in problems(registry, "sampler=rndom")


def test_inline_has_no_gpus(registry):
    scheduler = compose(registry, "scheduler=inline").config.scheduler
    assert (scheduler.name, scheduler.gpus) == ("inline", [])
