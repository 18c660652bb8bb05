import pytest
from PIL import Image

from automl.data import load_dataset, load_features
from automl.errors import DataError
from automl.plugin import ColumnKind, Task


@pytest.fixture
def photos(tmp_path):
    """Two classes whose names are numbers, one with a folder inside."""
    names = ["7/a.png", "7/b.PNG", "7/more/c.jpg", "12/a.png", "12/b.png", "12/.hidden.png"]
    for i, name in enumerate(names):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (5, 5), 10 * i).save(path)
    (tmp_path / "photos" / "notes.txt").write_text("nothing")
    return tmp_path / "photos"


def test_subfolders_are_classes(photos):
    dataset = load_dataset(photos)
    assert (dataset.target.name, dataset.target.task) == ("label", Task.BINARY)
    assert [dataset.target.classes[i] for i in dataset.y] == [12, 12, 7, 7, 7]
    (column,) = dataset.table.columns
    assert (column.name, column.kind) == ("image", ColumnKind.IMAGE)


def test_many_classes_with_numbers_for_names_stay_classes(tmp_path):
    for label in range(30):
        (tmp_path / str(label)).mkdir()
        for i in range(2):
            Image.new("L", (4, 4), 8 * label + i).save(tmp_path / str(label) / f"{i}.png")
    assert load_dataset(tmp_path).target.task is Task.MULTICLASS


def test_rows_are_called_by_their_paths(photos):
    columns = load_dataset(photos).table.columns
    what, names = load_features(photos, columns).row_names
    assert what == "image"
    assert names.to_pylist() == ["12/a.png", "12/b.png", "7/a.png", "7/b.PNG", "7/more/c.jpg"]


def test_images_without_a_class_can_be_predicted(photos):
    columns = load_dataset(photos).table.columns
    table = load_features(photos / "12", columns)
    assert table.row_names[1].to_pylist() == ["a.png", "b.png"]


def test_a_folder_without_classes_cannot_be_learnt_from(photos):
    with pytest.raises(DataError, match="only one column"):
        load_dataset(photos / "12")


def test_images_beside_the_subfolders_are_named(photos):
    Image.new("L", (5, 5)).save(photos / "stray.png")
    with pytest.raises(DataError, match=r"beside them, such as stray\.png"):
        load_dataset(photos)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "train.csv").write_text("a,y\n1,2\n")
    with pytest.raises(DataError, match=r"name one file in it, such as train\.csv; or a folder"):
        load_dataset(tmp_path)
