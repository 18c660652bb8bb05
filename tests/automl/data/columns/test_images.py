import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from automl.data import load_dataset, load_features
from automl.data.columns.images import MOST_PIXELS, choose_shape, decode
from automl.errors import DataError
from automl.plugin import ColumnKind


@pytest.fixture
def draw(tmp_path):
    """Writes an image of one colour and returns its path."""

    def write(name, size=(8, 6), colour=120, mode="L", **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, colour).save(path, **options)
        return path

    return write


def hostile_png(width, height):
    """A PNG of a few bytes whose header promises many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.gif", "a.tif", "a.webp"])
def test_usual_formats_are_read(draw, name):
    pixels = decode([draw(name, mode="RGB", colour=(200, 100, 50))], (6, 8, 3))
    np.testing.assert_allclose(pixels[0, 3, 4], [200, 100, 50], atol=4)


def test_images_keep_their_size_where_it_is_common_and_small(draw):
    paths = [draw(f"{i}.png", colour=i) for i in range(3)]
    assert choose_shape(paths, 96) == (6, 8, 1)
    assert decode(paths, (6, 8, 1))[:, 0, 0, 0].tolist() == [0, 1, 2]


def test_large_images_are_scaled_down_and_colour_wins_over_grey(draw):
    paths = [draw("a.png", (400, 200)), draw("b.png", (400, 200), (9, 9, 9), "RGB")]
    assert choose_shape(paths, 100) == (50, 100, 3)
    assert decode(paths, (50, 100, 3)).shape == (2, 50, 100, 3)


def test_a_missing_image_is_black(draw):
    assert decode([None, draw("a.png")], (6, 8, 1)).mean(axis=(1, 2, 3)).tolist() == [0, 120]


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    Image.fromarray(np.full((4, 4), 32_768, dtype=np.uint16)).save(tmp_path / "a.png")
    assert decode([tmp_path / "a.png"], (4, 4, 1))[0, 0, 0, 0] == 128


def test_what_is_clear_is_white(draw):
    path = draw("a.png", colour=(0, 0, 0, 0), mode="RGBA")
    assert decode([path], (6, 8, 3)).min() == 255


def test_photographs_stand_upright(tmp_path):
    image = Image.new("L", (8, 4), 0)
    image.paste(255, (0, 0, 2, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    image.save(tmp_path / "a.png", exif=exif)
    pixels = decode([tmp_path / "a.png"], (8, 4, 1))[0, :, :, 0]
    assert pixels[:2].min() == 255
    assert pixels[2:].max() == 0


@pytest.mark.parametrize("side", [8_000, 60_000])
def test_a_file_that_promises_too_many_pixels_is_refused_unread(tmp_path, side):
    assert side**2 > MOST_PIXELS
    (tmp_path / "a.png").write_bytes(hostile_png(side, side))
    with pytest.raises(DataError, match=r"a\.png is larger than 50 million pixels"):
        choose_shape([tmp_path / "a.png"], 96)


def test_broken_and_missing_files_are_named_and_counted(draw, tmp_path):
    whole = draw("whole.png")
    noise = np.random.default_rng(0).integers(256, size=(64, 64)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    content = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("no image")
    paths = [whole, tmp_path / "cut.jpg", tmp_path / "text.png", *[tmp_path / "gone.png"] * 3]
    with pytest.raises(DataError) as caught:
        decode(paths, (8, 8, 1))
    said = str(caught.value)
    assert "cut.jpg is a damaged image" in said
    assert "text.png is not an image" in said
    assert "there is no file" in said
    assert "and 2 more files" in said


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="is not a regular file"):
        decode([tmp_path / "pipe.png"], (8, 8, 1))


def test_other_formats_are_not_tried_whatever_a_file_is_called(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match="is not an image"):
        decode([tmp_path / "a.png"], (8, 8, 1))


def test_paths_in_a_table_start_at_the_folder_of_its_file(draw, tmp_path, monkeypatch):
    lines = [f"photos/{i}.png,{i},{'yes' if i % 2 else 'no'}" for i in range(12)]
    for i in range(12):
        draw(f"photos/{i}.png", colour=i)
    (tmp_path / "a.csv").write_text("photo,age,sold\n" + "\n".join(lines))
    monkeypatch.chdir("/")
    dataset = load_dataset(tmp_path / "a.csv")
    photo, age = dataset.table.columns
    assert (photo.kind, photo.shape, photo.n_distinct) == (ColumnKind.IMAGE, (6, 8, 1), 12)
    assert age.kind is ColumnKind.NUMERIC


def test_other_tables_get_images_of_the_known_shape(draw, tmp_path):
    for i in range(4):
        draw(f"{i}.png", colour=i)
    (tmp_path / "a.csv").write_text("image,y\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(4)))
    columns = load_dataset(tmp_path / "a.csv").table.columns
    draw("new.png", (30, 30), (7, 7, 7), "RGB")
    (tmp_path / "b.csv").write_text("image,other\nnew.png,1\n,2\n")
    table = load_features(tmp_path / "b.csv", columns)
    assert table.data["c0"].type.byte_width == 6 * 8 * 1
    assert [set(cell) for cell in table.data["c0"].to_pylist()] == [{7}, {0}]


def test_names_that_are_no_files_stay_texts(tmp_path):
    (tmp_path / "a.csv").write_text("image,y\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(6)))
    (column,) = load_dataset(tmp_path / "a.csv").table.columns
    assert column.kind is ColumnKind.CATEGORICAL


def test_a_chosen_kind_asks_for_every_file(tmp_path):
    (tmp_path / "a.csv").write_text("image,y\n0.png,0\n1.png,1\n")
    from automl.data import ReadOptions

    with pytest.raises(DataError, match=r"there is no file .*0\.png"):
        load_dataset(tmp_path / "a.csv", options=ReadOptions(kinds={"image": "image"}))
