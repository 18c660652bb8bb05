"""Changed copies of images: what may change and what must not."""

import pytest
import torch

from automl_plugins.torch.images.augment import Augmentation

NOTHING = {"flip": False, "shift": 0.0, "rotate": 0.0, "zoom": 0.0, "contrast": 0.0, "cutout": 0.0}


def changed(images, rows=None, epoch=0, seed=0, **how):
    numbers = torch.arange(len(images)) if rows is None else rows
    generator = torch.Generator().manual_seed(seed)
    return Augmentation(**{**NOTHING, **how}).apply(images, numbers, epoch, generator)


@pytest.fixture
def images():
    return torch.randn(64, 3, 10, 12, generator=torch.Generator().manual_seed(1))


def test_without_changes_images_stay_as_they_are(images):
    torch.testing.assert_close(changed(images), images, rtol=0, atol=0)


@pytest.mark.parametrize(
    "how",
    [{"shift": 0.2}, {"rotate": 20.0}, {"zoom": 0.2}, {"contrast": 0.3}, {"cutout": 0.4}],
    ids=str,
)
def test_the_seed_decides_on_what_is_drawn(images, how):
    once, again, other = (changed(images, seed=seed, **how) for seed in (0, 0, 1))
    assert once.shape == images.shape
    assert torch.isfinite(once).all()
    torch.testing.assert_close(once, again, rtol=0, atol=0)
    assert not torch.equal(once, other)
    assert not torch.equal(once, images)


def test_every_other_epoch_shows_the_other_side(images):
    first, second, third = (changed(images, epoch=epoch, flip=True) for epoch in range(3))
    is_same = (first == images).all(dim=(1, 2, 3))
    assert 0.25 < is_same.float().mean() < 0.75
    torch.testing.assert_close(first.flip(-1), second, rtol=0, atol=0)
    torch.testing.assert_close(first, third, rtol=0, atol=0)


def test_which_side_is_shown_depends_on_the_row_and_not_on_its_batch(images):
    rows = torch.tensor([5, 2, 9])
    torch.testing.assert_close(
        changed(images[rows], rows, flip=True), changed(images, flip=True)[rows], rtol=0, atol=0
    )


def test_a_move_goes_no_further_than_it_may():
    images = torch.zeros(200, 1, 20, 20)
    images[:, :, 10, 10] = 1.0
    moved = changed(images, shift=0.1)[:, 0]
    inside = moved[:, 7:14, 7:14].sum(dim=(1, 2))
    torch.testing.assert_close(inside, moved.sum(dim=(1, 2)))
    assert (moved[:, 10, 10] < 0.5).any()


def test_a_turn_keeps_the_middle_and_the_shape_of_things():
    images = torch.zeros(50, 1, 21, 41)  # a disk, in an image that is no square
    rows, columns = torch.meshgrid(torch.arange(21) - 10, torch.arange(41) - 20, indexing="ij")
    images[:, 0] = ((rows**2 + columns**2) < 64).float()
    turned = changed(images, rotate=45.0)
    assert (turned - images).abs().mean() < 0.03


def test_a_square_is_cut_out_of_the_size_that_was_asked_for(images):
    cut = changed(images, cutout=0.5)
    shares = ((cut == 0) & (images != 0)).float().mean(dim=(1, 2, 3))
    assert shares.max() <= 0.5 * 0.5 * 10 * 10 / (10 * 12) + 0.1
    assert shares.mean() > 0.05
