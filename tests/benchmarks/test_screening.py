"""Samples first or not: which params are fitted within a time, and what a table of it says."""

import numpy as np
import pytest

from benchmarks.screening import Looks, lowest_loss, main

LOOKS = Looks(
    losses=np.array([0.5, 0.4, 0.3, 0.2]),
    seconds=np.array([10.0, 10.0, 10.0, 10.0]),
    sample_losses=np.array([0.9, 0.8, 0.6, 0.7]),
    sample_seconds=np.array([1.0, 1.0, 1.0, 1.0]),
)


@pytest.mark.parametrize(
    ("budget_s", "in_order", "by_samples"),
    [(5.0, 0.5, 0.3), (20.0, 0.4, 0.3), (24.0, 0.4, 0.2), (40.0, 0.2, 0.2)],
)
def test_the_lowest_loss_is_that_of_the_fits_there_is_time_for(budget_s, in_order, by_samples):
    assert lowest_loss(LOOKS, budget_s, samples_first=False) == in_order
    assert lowest_loss(LOOKS, budget_s, samples_first=True) == by_samples


def test_a_table_has_a_row_with_all_cells(catalog, capsys):
    main([str(catalog), "--only", "b", "--params", "3", "--rows", "50"])
    head, _, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == len(head.strip("|").split("|"))
    assert cells[:3] == ["b", "160", "rmse"]
    assert all(float(cell) > 0 for cell in cells[5:])
