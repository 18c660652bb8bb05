import yaml

from automl.config.compose import compose_config
from automl.config.provenance import render_config
from automl.config.saved import load_config


def test_what_is_printed_is_the_configuration_itself(registry, tmp_path):
    options = {"target": "a # b: 'c'\n\t${d}", "data_path": "x" * 90}
    composed = compose_config(["data.kinds={a b: text}", "preset=fast"], options, registry)
    path = tmp_path / "printed.yaml"
    path.write_text(render_config(composed) + "...\n", encoding="utf-8")
    assert load_config(path) == composed.config


def test_each_line_with_a_value_says_where_it_came_from(registry):
    composed = compose_config(["search.folds=5"], {}, registry)
    lines = render_config(composed).splitlines()
    assert "  folds: 5" in lines[next(i for i, x in enumerate(lines) if "folds: 5" in x)]
    assert any(x.startswith("  folds: 5 ") and x.endswith("# override search.folds") for x in lines)
    assert all(("# " in x) != x.endswith(":") for x in lines)
    assert len({x.index("# ") for x in lines if "# " in x}) == 1


def test_keys_and_values_are_those_of_yaml(registry):
    printed = yaml.safe_load(render_config(compose_config([], {}, registry)))
    assert printed["model"]["alpha"]["sizes"] == [8, 16]
