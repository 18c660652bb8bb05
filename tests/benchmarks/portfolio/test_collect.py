"""What is measured of candidates, on a small table of numbers."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.portfolio.collect import main
from benchmarks.portfolio.measured import read_table

N_ROWS = 120


@pytest.fixture
def collect(tmp_path):
    """Measures candidates of two families, and returns the table."""
    random = np.random.default_rng(0)
    x = random.normal(size=N_ROWS)
    frame = pd.DataFrame({"x": x, "z": random.normal(size=N_ROWS), "y": x + 0.1 * x**2})
    frame.to_csv(tmp_path / "some.csv", index=False)
    catalog = tmp_path / "catalog.csv"
    catalog.write_text("name,file,target,task\nsome,some.csv,y,regression\n")

    def run(*arguments):
        places = ["--catalog", str(catalog), "--store", str(tmp_path / "store")]
        main([*places, "--families", "baseline,knn", "--own-size", *arguments])
        return read_table(tmp_path / "store" / "some")

    return run


def test_every_candidate_predicts_all_rows_and_those_of_the_test(collect):
    table = collect("--entries", "1", "--random", "1")
    assert {m.family for m in table.candidates.values()} == {"baseline", "knn"}
    assert len(table.y) + len(table.y_test) == N_ROWS
    assert sorted(set(table.fold_of)) == [0, 1, 2, 3, 4]
    for measured in table.candidates.values():
        assert np.isfinite(measured.oof).all()
        assert measured.test.shape == table.y_test.shape
        assert measured.seconds.shape == measured.scores.shape == (5,)


def test_the_best_entries_of_portfolios_get_seeds_and_repeats(collect):
    before = collect("--entries", "1", "--random", "1")
    table = collect("--variants", "1", "--entries", "1")
    entries = [name for name in table.first if name.startswith("knn")]
    assert len(entries) == 1
    assert set(table.variants) >= {f"{entries[0]}@seed-1", f"{entries[0]}@repeat-1"}
    assert table.candidates.keys() == before.candidates.keys()
    repeat = table.variants[f"{entries[0]}@repeat-1"]
    assert np.isfinite(repeat.oof).all()
    assert not np.array_equal(repeat.oof, table.candidates[entries[0]].oof)


def test_what_is_in_the_store_is_not_measured_again(collect):
    first = collect("--entries", "1")
    again = collect("--entries", "1")
    for name, measured in first.candidates.items():
        np.testing.assert_array_equal(again.candidates[name].seconds, measured.seconds)
