import numpy as np
import pytest
from PIL import Image

from benchmarks.hardware.data import MissingTable, images_folder, images_parts, table_parts
from benchmarks.tables import read_catalog


def test_a_table_is_divided_alike_each_time_and_has_no_target_among_its_questions(data, tmp_path):
    first, again = (table_parts(data, "penguins", 0, tmp_path / name) for name in "ab")
    assert first.truth == again.truth
    assert set(first.truth) == {"Adelie", "Chinstrap", "Gentoo"}
    assert "species" not in first.questions.read_text().splitlines()[0].split(",")
    assert first.train.read_text() == again.train.read_text()
    n_train = len(first.train.read_text().splitlines()) - 1
    assert n_train + len(first.truth) == 344
    other = table_parts(data, "penguins", 1, tmp_path / "c")
    assert other.train.read_text() != first.train.read_text()


def test_rows_to_test_on_of_the_catalog_are_used(data, tmp_path):
    rows = (data / "penguins.csv").read_text().splitlines()
    (data / "penguins.csv").write_text("\n".join(rows[:300]) + "\n")
    (data / "new.csv").write_text("\n".join([rows[0], *rows[300:]]) + "\n")
    text = "name,file,target,task,test\npenguins,penguins.csv,species,multiclass,new.csv\n"
    (data / "catalog.csv").write_text(text)
    parts = table_parts(data, "penguins", 0, tmp_path / "a")
    assert len(parts.truth) == len(rows) - 300
    assert len(parts.train.read_text().splitlines()) == 300
    assert read_catalog(data / "catalog.csv")[0].test == data / "new.csv"


@pytest.mark.parametrize(
    ("name", "why"), [("nosuch", "has no table 'nosuch'"), ("lost", "there is no file")]
)
def test_a_missing_table_is_named(data, tmp_path, name, why):
    with pytest.raises(MissingTable, match=why):
        table_parts(data, name, 0, tmp_path / "a")


def test_a_folder_without_a_catalog_lacks_the_table(tmp_path):
    with pytest.raises(MissingTable, match=r"has no catalog\.csv"):
        table_parts(tmp_path, "penguins", 0, tmp_path / "a")


def test_images_are_divided_by_class_and_a_thousand_are_there_to_predict(tmp_path):
    pixels = np.zeros((4, 4), dtype=np.uint8)
    for label in "ab":
        folder = tmp_path / "dots" / label
        folder.mkdir(parents=True)
        for number in range(10):
            Image.fromarray(pixels).save(folder / f"{number}.png")
    source = images_folder(tmp_path, "dots")
    assert source == tmp_path / "dots"
    assert images_folder(tmp_path, "nosuch") is None
    text = "name,file,target,task\nother,dots,label,multiclass\n"
    (tmp_path / "catalog.csv").write_text(text)
    assert images_folder(tmp_path, "other") == source
    parts = images_parts(source, 0, tmp_path / "scratch")
    assert sorted(parts.truth) == ["a"] * 2 + ["b"] * 2
    assert len(list(parts.train.glob("*/*.png"))) == 16
    assert parts.thousand is not None
    assert len(list(parts.thousand.glob("*/*.png"))) == 1000
