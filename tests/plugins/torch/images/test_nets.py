"""Convolutional nets: shapes, gradients, scales, views, files."""

import numpy as np
import pytest
import torch

from automl.plugin import Images, Rows
from automl_plugins.torch.images.nets import CnnSpec, ImageNet, build
from automl_plugins.torch.media.fitted_net import MediaModel, load, predict_rows, save


def spec(*shapes, **changes):
    values = {
        "n_outputs": 3,
        "block": "residual",
        "whitened": False,
        "width": 4,
        "dropout": 0.0,
        "flip": False,
        "views": False,
    }
    return CnnSpec(images=shapes, **{**values, **changes})


def rows_of(*shapes, n_rows=6):
    rng = np.random.default_rng(0)
    columns = (rng.integers(256, size=(n_rows, *shape)).astype(np.uint8) for shape in shapes)
    images = tuple(Images(pixels, np.arange(n_rows)) for pixels in columns)
    return Rows(np.zeros((n_rows, 1), dtype=np.float32), images)


SHAPES = [(28, 28, 1), (32, 40, 3), (96, 96, 3), (5, 3, 1), (1, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("block", ["residual", "plain"])
@pytest.mark.parametrize("whitened", [False, True])
def test_images_of_any_size_go_through(shape, block, whitened):
    rows = rows_of(shape)
    net = ImageNet(spec(shape, block=block, whitened=whitened, views=True, flip=True))
    net.prepare(rows.images)
    prediction = predict_rows(net.eval().final_outputs, rows, None)
    assert prediction.shape == (6, 3)
    np.testing.assert_allclose(prediction.sum(axis=1), 1.0)


@pytest.mark.parametrize("block", ["residual", "plain"])
@pytest.mark.parametrize("whitened", [False, True])
def test_gradients_reach_every_weight_that_is_learnt(block, whitened):
    rows = rows_of((12, 12, 1), (9, 9, 3))
    net = ImageNet(spec((12, 12, 1), (9, 9, 3), block=block, whitened=whitened))
    net.prepare(rows.images)
    net(*net.inputs_of(rows)).square().sum().backward()
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert name.endswith("stem.weight")


def test_training_images_are_scaled_to_mean_0_and_deviation_1():
    rows = rows_of((8, 8, 3), n_rows=50)
    net = ImageNet(spec((8, 8, 3)))
    net.prepare(rows.images)
    (scaled,) = net.scaled(*net.inputs_of(rows))
    torch.testing.assert_close(scaled.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        scaled.std(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0
    )


def test_fixed_filters_whiten_patches():
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(size=(200, 16, 16, 1)), axis=2)
    pixels = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    images = Images(pixels, np.arange(200))
    net = ImageNet(spec((16, 16, 1), whitened=True))
    net.prepare([images])
    (scaled,) = net.scaled(torch.from_numpy(pixels))
    with torch.no_grad():
        maps = torch.nn.functional.conv2d(scaled, net.towers[0].stem.weight)[:, :, ::2, ::2]
    flat = maps[:, :9].permute(1, 0, 2, 3).reshape(9, -1).double()
    covariance = (flat @ flat.T / flat.shape[1]).numpy()
    off_diagonal = covariance - np.diag(np.diag(covariance))
    assert np.abs(off_diagonal).max() < 0.05
    assert np.diag(covariance).max() == pytest.approx(1.0, abs=0.05)
    torch.testing.assert_close(net.towers[0].stem.weight[:9], -net.towers[0].stem.weight[9:])


def views_of(rows, **changes):
    """What a net looks at before it predicts."""
    net, seen = ImageNet(spec((10, 10, 1), views=True, **changes)), []
    net.joined = lambda view: seen.extend(view) or torch.zeros(len(rows), 3)
    net.final_outputs(rows, are_classes=True)
    return seen


def test_views_are_the_image_mirrored_and_moved_by_a_pixel():
    rows = rows_of((10, 10, 1))
    net = ImageNet(spec((10, 10, 1)))
    (scaled,) = net.scaled(*net.inputs_of(rows))
    one_way, both = views_of(rows), views_of(rows, flip=True)
    assert (len(one_way), len(both)) == (3, 6)
    torch.testing.assert_close(both[1], scaled.flip(-1))
    torch.testing.assert_close(one_way[0], scaled)
    torch.testing.assert_close(one_way[1][..., :-1, :-1], scaled[..., 1:, 1:])
    torch.testing.assert_close(one_way[2][..., 1:, 1:], scaled[..., :-1, :-1])


def test_a_row_is_predicted_by_itself():
    rows = rows_of((12, 12, 1), n_rows=9)
    net = ImageNet(spec((12, 12, 1))).eval()
    alone = np.concatenate([predict_rows(net.outputs, rows[[i]], None) for i in range(9)])
    np.testing.assert_allclose(alone, predict_rows(net.outputs, rows, None), atol=1e-6)


def test_files_that_do_not_fit_are_refused(tmp_path):
    net = ImageNet(spec((8, 8, 1))).eval()
    save(MediaModel(net, None), tmp_path)
    path = tmp_path / "net.json"
    path.write_text(path.read_text().replace('"width": 4', '"width": 5'))
    with pytest.raises(ValueError, match="does not fit"):
        load(tmp_path, build)
    path.write_text("{}")
    with pytest.raises(ValueError, match="does not describe a net"):
        load(tmp_path, build)
