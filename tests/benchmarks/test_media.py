import numpy as np
import pandas as pd

from benchmarks.media import fit_classic, main


def test_families_of_series_stand_side_by_side(tmp_path, capsys):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    columns = {f"t{i}": (1 + y) * np.sin(i) + 0.1 * rng.normal(size=60) for i in range(12)}
    pd.DataFrame({**columns, "y": y}).to_csv(tmp_path / "wide.csv", index=False)
    main([str(tmp_path / "wide.csv"), "--wide", "t", "--families", "rocket", "--folds", "2"])
    header, *rows = (line.split(" | ") for line in capsys.readouterr().out.splitlines())
    assert [row[0] for row in rows] == ["| rocket", "| mean"]
    assert all(int(row[1].split()[0]) <= 3 for row in rows)
    assert len(header) == 4


def test_the_classic_net_learns():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    pixels = rng.integers(40, size=(120, 28, 28, 1)).astype(np.uint8)
    pixels[y == 1, 8:20, 8:20] += 150
    assert (fit_classic(pixels, y, pixels, 2, 0).argmax(axis=1) == y).mean() > 0.9
