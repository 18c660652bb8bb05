from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.plugin import Task
from automl.testing.tables import synthetic_table
from automl_plugins.torch.tabular.tabm import TabM
from benchmarks.packs import draw_params, main, slots


def test_params_that_are_drawn_can_be_packed_with_the_default() -> None:
    problem = synthetic_table(Task.REGRESSION).problem()
    params = draw_params(TabM(), problem, 5)
    assert params[0] == dict(TabM().portfolio(problem)[0])
    assert len({str(one) for one in params}) == 5
    assert sorted(i for pack in TabM().split_into_packs(params, problem) for i in pack) == list(
        range(5)
    )
    shape_of_net = {name for name in params[0] if name not in TabM.packable_params}
    assert all(
        {n: p[n] for n in shape_of_net} == {n: params[0][n] for n in shape_of_net} for p in params
    )


def test_both_ways_are_timed_and_give_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(300, 2)).round(3)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x @ [1.0, 2.0]})
    table.to_csv(tmp_path / "made.csv", index=False)
    sizes = ["--params", "2", "--folds", "2", "--epochs", "2", "--threads", "1"]
    main(["--csv", str(tmp_path / "made.csv"), "--target", "y", "--families", "mlp", *sizes])
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| mlp")]
    assert [row[2] for row in rows[:2]] == ["one by one", "packed"]
    assert all(float(row[5]) > 0 for row in rows)
    (said,) = [line for line in lines if line.startswith("mlp, cpu")]
    assert "times as fast" in said
    assert float(said.split("differs by ")[1].split("%")[0]) < 1.0


def test_one_kind_of_device_can_be_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert [slot.device for slot in slots([1, 2])] == ["cpu", "cpu", "cuda:0"]
    assert [slot.device for slot in slots([1, 2], "gpu")] == ["cuda:0"]
    assert [slot.n_gpus for slot in slots([2], "cpu")] == [0]
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert [slot.device for slot in slots([2])] == ["cpu"]
    with pytest.raises(SystemExit, match="needs a GPU"):
        slots([2], "gpu")
