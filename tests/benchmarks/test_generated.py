"""What generated columns are worth is told for each table and way, and over all tables."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.generated import main


@pytest.fixture
def catalog(tmp_path):
    draw = np.random.default_rng(0)
    a, b = draw.uniform(1, 9, (2, 600)).round(3)
    rows = "\n".join(f"{x},{y},{x * y}" for x, y in zip(a, b, strict=True))
    (tmp_path / "products.csv").write_text(f"a,b,y\n{rows}\n")
    path = tmp_path / "catalog.csv"
    path.write_text("name,file,target,task\nproducts,products.csv,y,regression\n")
    return path


def test_a_product_that_decides_lowers_the_loss(catalog, capsys):
    main([str(catalog), "--ways", "A", "T", "--folds", "2", "--rows", "500"])
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    plain, made, same = lines[:3]
    assert [line[:3] for line in lines[:3]] == [
        ["products", "rmse", way] for way in ("plain", "A", "T")
    ]
    assert plain[3:7] == ["2", "1.0000", "0 : 0", "1.0000"]
    assert int(made[3]) > 2
    assert float(made[4]) < 0.95
    assert made[5] == "2 : 0"
    assert same[3:7] == plain[3:7]
    assert [line[0] for line in lines[3:]] == ["all"] * 3
