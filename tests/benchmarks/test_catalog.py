import json
from pathlib import Path

import pytest

from benchmarks.catalog import main

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@pytest.mark.slow
def test_a_table_is_searched_once_and_its_result_kept(tmp_path, capsys):
    catalog = tmp_path / "catalog.csv"
    catalog.write_text(f"name,file,target,task\npenguins,{PENGUINS},sex,binary\n")
    results = tmp_path / "results.jsonl"
    arguments = ["--catalog", str(catalog), "--time", "6", "--results", str(results)]
    main([*arguments, "--overrides", "family=[baseline,lightgbm]"])
    table = capsys.readouterr().out
    result = json.loads(results.read_text())
    assert result["error"] == ""
    assert result["score"] > 0.9
    assert result["trials"]["complete"] >= 2
    assert result["peak_gib"] > 0.05
    main(arguments)
    assert capsys.readouterr().out == table
    assert len(results.read_text().splitlines()) == 1
