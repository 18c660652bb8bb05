"""Images, sequences and raw texts from the source to predictions, with real workers."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import automl
from automl.cli import main
from automl.errors import RunError
from automl.events import Note

N_ROWS = 90
QUICK = ("search.folds=2", "scheduler.cpus=1")


@pytest.fixture
def fusing(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return ("plugins.modules=[fusing_family]", *QUICK)


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def listings(tmp_path_factory):
    """A table with a number, a photo, a series and a text a row; the price depends on all four."""
    folder = tmp_path_factory.mktemp("listings")
    rng = np.random.default_rng(0)
    light = rng.uniform(20, 235, N_ROWS)
    level, number = rng.normal(size=(2, N_ROWS))
    (folder / "photos").mkdir()
    for i in range(N_ROWS):
        noise = rng.integers(-20, 20, size=(6, 6))
        Image.fromarray((light[i] + noise).astype(np.uint8)).save(folder / "photos" / f"{i}.png")
    frame = pd.DataFrame({"number": number, "photo": [f"photos/{i}.png" for i in range(N_ROWS)]})
    for step in range(5):
        frame[f"t{step}"] = level + 0.1 * rng.normal(size=N_ROWS)
    sunny = rng.integers(3, size=N_ROWS)
    rooms = [f"flat {i} on floor {i % 7} with {i % 5} rooms" for i in range(N_ROWS)]
    frame["note"] = [f"{'sunny ' * n}{room}" for n, room in zip(sunny, rooms, strict=True)]
    frame.loc[sunny == 0, "note"] = None
    frame["price"] = number + light / 50 + 2 * level + sunny
    frame.to_csv(folder / "listings.csv", index=False)
    return folder / "listings.csv"


def test_one_family_takes_all_that_a_row_holds(listings, fusing, tmp_path):
    run = automl.search(
        listings,
        target="price",
        wide=["t"],
        trials=2,
        out=tmp_path / "run",
        overrides=("family=[fusing,baseline]", *fusing),
    )
    rows = {row.family: row for row in run.board().trials}
    assert rows["fusing"].score < 0.2 * rows["baseline"].score
    price = pd.read_csv(listings)["price"].to_numpy()
    assert np.corrcoef(run.predict(listings), price)[0, 1] > 0.99
    assert run.test_scores(listings)["ensemble"] < 0.5


def test_other_families_see_the_columns_they_always_saw(listings, tmp_path):
    notes = []
    run = automl.search(
        listings,
        target="price",
        trials=1,
        out=tmp_path / "run",
        overrides=("family=[linear]", *QUICK),
        on_event=lambda event: notes.append(event.message) if isinstance(event, Note) else None,
    )
    assert not any("photo" in note for note in notes)
    assert np.isfinite(run.predict(listings)).all()


def test_a_run_goes_on_with_the_same_images_and_not_with_others(listings, fusing, tmp_path):
    settings = {"target": "price", "out": tmp_path / "run", "resume": True, "wide": ["t"]}
    overrides = ("family=[fusing]", *fusing)
    automl.search(listings, trials=1, overrides=overrides, **settings)
    run = automl.search(listings, trials=2, overrides=overrides, **settings)
    assert len(run.board().trials) == 2
    photo = listings.parent / "photos" / "0.png"
    kept = photo.read_bytes()
    Image.new("L", (6, 6), 1).save(photo)
    try:
        with pytest.raises(RunError, match="other values in the same columns"):
            automl.search(listings, trials=3, overrides=overrides, **settings)
    finally:
        photo.write_bytes(kept)


def test_a_folder_of_images_is_learnt_and_named_in_predictions(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for label, (row, column) in {"left": (3, 2), "right": (3, 9)}.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(60, size=(12, 12)).astype(np.uint8)
            pixels[row : row + 4, column : column + 2] = 250
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{i:02}.png")
    out = tmp_path / "run"
    words = ["--trials", "1", "--out", str(out), "-q", "family=[cnn]", "model.cnn.max_epochs=10"]
    fixed = "model.cnn.fixed={flip: false, batch_size: 32}"
    assert main(["search", str(tmp_path / "photos"), *words, fixed, *QUICK]) == 0
    capsys.readouterr()
    assert main(["predict", str(out), str(tmp_path / "photos")]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows[0]["image"] == "left/00.png"
    right = [row["image"].startswith(row["prediction"]) for row in rows]
    assert np.mean(right) > 0.9
    assert main(["predict", str(out), str(tmp_path / "photos" / "right"), "--proba"]) == 0
    first = rows_of(capsys.readouterr().out)[0]
    assert (first["image"], list(first)) == ("00.png", ["image", "left", "right"])


def test_series_of_steps_are_learnt_and_named_in_predictions(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        kind = ["slow", "fast"][number % 2]
        steps = np.arange(rng.integers(20, 30))
        wave = np.sin(steps * (0.4 if kind == "slow" else 1.3) + rng.uniform(0, 6))
        rows += [
            {"name": f"n{number}", "step": t, "value": v, "kind": kind}
            for t, v in zip(steps, wave, strict=True)
        ]
    pd.DataFrame(rows).sample(frac=1, random_state=0).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame(rows)[["step", "value", "name"]].to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "run"
    words = ["--series-id", "name", "--step", "step", "--target", "kind", "--trials", "1"]
    more = ["-q", "--out", str(out), "family=[rocket]", "model.rocket.fixed={n_features: 504}"]
    assert main(["search", str(tmp_path / "a.csv"), *words, *more, *QUICK]) == 0
    capsys.readouterr()
    assert main(["predict", str(out), str(tmp_path / "new.csv")]) == 0
    found = rows_of(capsys.readouterr().out)
    assert [row["name"] for row in found] == [f"n{number}" for number in range(60)]
    kinds = np.array(["slow", "fast"] * 30)
    assert np.mean(kinds == [row["prediction"] for row in found]) > 0.9


def test_inspect_tells_of_series(tmp_path, capsys):
    frame = pd.DataFrame({f"t{i}": np.arange(12.0) * i for i in range(4)} | {"y": [0, 1] * 6})
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert main(["inspect", str(tmp_path / "a.csv"), "--wide", "t"]) == 0
    assert "sequence" in capsys.readouterr().out
