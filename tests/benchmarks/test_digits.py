import numpy as np
import pytest

from benchmarks.digits import divide, main

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def photos(tmp_path):
    """30 dark images and 30 bright ones, in a folder each."""
    rng = np.random.default_rng(0)
    for label, level in (("dark", 40), ("bright", 200)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(level, level + 40, size=(28, 28)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"


def test_a_fifth_of_each_class_is_kept_apart(photos, tmp_path):
    truth = divide(photos, tmp_path / "a", seed=0)
    assert sorted(truth.values()) == ["bright"] * 6 + ["dark"] * 6
    for part, number in (("train", 24), ("test", 6)):
        assert [len(list((tmp_path / "a" / part / c).iterdir())) for c in ("bright", "dark")] == [
            number,
            number,
        ]
    assert all((tmp_path / "a" / "test" / name).exists() for name in truth)
    assert divide(photos, tmp_path / "b", seed=0) == truth
    assert divide(photos, tmp_path / "c", seed=1) != truth


@pytest.mark.slow
def test_a_search_stands_beside_the_classic_net(photos, capsys):
    main([str(photos)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines] == [
        "| system",
        "| classic",
        "| automl search --time 10s",
    ]
    assert "| 0 (0.00%) |" in lines[2]
