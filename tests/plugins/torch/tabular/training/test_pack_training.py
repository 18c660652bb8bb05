"""The training loop, on nets small enough to know the answer, alone and in packs."""

import math
from dataclasses import replace

import pytest
import torch

from automl.plugin import TrialPruned
from automl.testing import CountedClock
from automl_plugins.torch.core.checkpoint import Checkpoint
from automl_plugins.torch.core.losses import squared_error
from automl_plugins.torch.tabular.training.fold_tensors import FoldTensors, PackTensors
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.pack_training import PackOptions, train_pack
from automl_plugins.torch.tabular.training.packed_net import PackedNet
from automl_plugins.torch.tabular.training.train_config import TrainConfig

RECIPE = TrainConfig(lr=0.02, schedule="cosine")


@pytest.fixture
def spec(kinds):
    """Three numbers in, one out."""
    return replace(
        kinds["mlp"],
        n_numeric=3,
        cardinalities=(),
        n_outputs=1,
        embedding="none",
        has_front_scale=False,
    )


def some_rows(n=512, seed=0, sign=1.0):
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return FoldTensors(x, torch.empty(n, 0, dtype=torch.int64), sign * (x[:, 0] - 2 * x[:, 1]))


@pytest.fixture
def fit(spec, make_net):
    """Trains one net for each recipe, on rows of its own or on the same ones."""

    def run(
        recipes=(RECIPE,),
        judges=None,
        rows=None,
        valid=None,
        dropout=0.0,
        seeds=None,
        checkpoint=None,
        **options,
    ):
        rows = rows or [some_rows()] * len(recipes)
        valid = valid or rows
        seeds = seeds or list(range(len(recipes)))
        judges = judges or [own_loss(part) for part in valid]
        inputs = rows[0].numeric[None], rows[0].codes[None]
        nets = [make_net(spec, seed, rows=inputs, dropout=dropout) for seed in seeds]
        members = [PackedNet(r, j, s) for r, j, s in zip(recipes, judges, seeds, strict=True)]
        options = PackOptions(**{"n_epochs": 12, "batch_size": 64, **options})
        n_steps = train_pack(
            Pack(nets),
            members,
            PackTensors(rows),
            PackTensors(valid),
            squared_error,
            options,
            checkpoint,
        )
        return members, n_steps

    return run


def own_loss(rows):
    return lambda epoch, progress, output: float((output[:, 0] - rows.target).square().mean())


def answers(member, rows=None):
    rows = rows or some_rows(100, seed=9)
    return member.net(rows.numeric[None], rows.codes[None])[0, :, 0]


def test_it_learns(fit):
    (member,), n_steps = fit(n_epochs=40)
    assert member.early_stopping.best_loss < 0.02
    assert n_steps == 40 * 8


def test_the_same_seed_gives_the_same_net_and_another_seed_another(fit):
    first, same, other = (answers(fit(seeds=[s], dropout=0.2)[0][0]) for s in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.allclose(first, other, atol=1e-3)


def test_the_net_of_the_best_epoch_is_kept(fit):
    seen = {}

    def judge(epoch, progress, output):
        seen[epoch] = output[:, 0].clone()
        return abs(epoch - 4)

    rows = some_rows()
    (member,), _ = fit(judges=[judge], rows=[rows], n_epochs=8)
    assert (member.early_stopping.best_epoch, member.early_stopping.n_epochs) == (4, 8)
    assert torch.allclose(answers(member, rows), seen[4], atol=1e-5)
    assert not torch.allclose(answers(member, rows), seen[8], atol=1e-3)


def test_training_stops_when_patience_is_over(fit):
    recipe = replace(RECIPE, patience=5)
    (member,), _ = fit([recipe], [lambda epoch, progress, output: abs(epoch - 3)], n_epochs=20)
    assert (member.early_stopping.best_epoch, member.early_stopping.n_epochs) == (3, 8)


def test_of_equal_epochs_the_last_is_kept_but_does_not_renew_patience(fit):
    (member,), _ = fit([replace(RECIPE, patience=5)], [lambda epoch, progress, output: 1.0])
    assert (member.early_stopping.best_epoch, member.early_stopping.n_epochs) == (6, 6)


def test_a_loss_that_is_no_number_does_not_end_in_no_net(fit):
    (member,), _ = fit(judges=[lambda epoch, progress, output: math.nan], n_epochs=2)
    assert (member.early_stopping.best_epoch, member.net is not None) == (1, True)


@pytest.mark.parametrize("schedule", ["coslog4", "flat_cos", "cosine"])
def test_the_rate_follows_the_schedule(fit, schedule):
    """The last epoch moves a net less than it moves one whose rate is constant."""
    outputs = {}

    def noting(name):
        def judge(epoch, progress, output):
            outputs.setdefault(name, []).append(output[:, 0].clone())
            return -epoch

        return judge

    names, rows = [schedule, "constant"], some_rows()
    recipes = [replace(RECIPE, schedule=name) for name in names]
    fit(recipes, list(map(noting, names)), rows=[rows, rows], seeds=[1, 1], n_epochs=20)
    first, last = (float((o[-1] - o[-2]).abs().mean()) for o in (outputs[n] for n in names))
    assert 0 < first < 0.4 * last


def test_averaged_weights_are_judged_and_kept(fit):
    recipe = replace(RECIPE, schedule="constant", lr=0.05)
    shaky, smooth = ([], [])

    def noting(notes):
        def judge(epoch, progress, output):
            notes.append(output[:, 0].clone())
            return -epoch

        return judge

    rows = some_rows()
    recipes = [recipe, replace(recipe, average_epochs=3.0)]
    members, _ = fit(
        recipes, [noting(shaky), noting(smooth)], rows=[rows, rows], seeds=[1, 1], n_epochs=15
    )
    moves = [float((n[-1] - n[-2]).abs().mean()) for n in (shaky, smooth)]
    assert moves[1] < 0.5 * moves[0]
    assert torch.allclose(answers(members[1], rows), smooth[-1], atol=1e-5)


def test_what_is_eased_drops_less_and_decays_less_at_the_end(fit):
    recipe = replace(RECIPE, weight_decay=5.0, schedule="constant")
    rows = some_rows()
    members, _ = fit(
        [replace(recipe, eases=True), recipe], rows=[rows, rows], seeds=[1, 1], n_epochs=20
    )
    assert members[0].early_stopping.best_loss < 0.5 * members[1].early_stopping.best_loss


def test_row_weights_decide_what_is_learnt(fit):
    x = torch.ones(64, 3)
    target = torch.cat([torch.zeros(32), torch.ones(32)])
    weight = torch.cat([torch.full((32,), 0.2), torch.full((32,), 1.8)])
    rows = FoldTensors(x, torch.empty(64, 0, dtype=torch.int64), target, weight)
    (member,), _ = fit(judges=[lambda epoch, progress, output: -epoch], rows=[rows], n_epochs=150)
    assert float(answers(member, rows)[0]) == pytest.approx(0.9, abs=0.02)


def test_the_clock_ends_training_and_leaves_a_usable_net(fit):
    clock = CountedClock(look_s=0.01)
    (member,), n_steps = fit(n_epochs=1_000_000, stop_at=clock.now + 1.0, clock=clock)
    assert clock.n_looks <= 101
    assert n_steps > 10
    assert member.net is not None


def test_time_that_is_up_at_the_start_still_gives_one_evaluation(fit):
    (member,), _ = fit(stop_at=9.0, clock=lambda: 10.0)
    assert member.early_stopping.n_epochs == 1
    assert member.net is not None


# Packs


def packed_and_alone(fit, recipes, rows, **options):
    """Answers of members of a pack, and of the same nets trained one by one."""
    seeds = list(range(10, 10 + len(recipes)))
    packed, _ = fit(recipes, rows=rows, seeds=seeds, **options)
    alone = [
        fit([recipe], rows=[part], seeds=[seed], **options)[0][0]
        for recipe, part, seed in zip(recipes, rows, seeds, strict=True)
    ]
    return packed, alone


def test_members_of_a_pack_become_what_they_become_alone(fit):
    """Their own rates, decays, schedules, smoothing, clipping, averages, folds and patience."""
    recipes = [
        RECIPE,
        replace(RECIPE, lr=0.005, weight_decay=0.1, schedule="flat_cos", patience=2),
        replace(RECIPE, average_epochs=1.0, clip_norm=0.5, eases=True, schedule="coslog4"),
    ]
    rows = [some_rows(seed=1), some_rows(515, seed=2, sign=-1.0), some_rows(512, seed=3)]
    packed, alone = packed_and_alone(fit, recipes, rows, dropout=0.2, n_epochs=4)
    for one, other in zip(packed, alone, strict=True):
        assert one.early_stopping.best_epoch == other.early_stopping.best_epoch
        assert torch.allclose(answers(one), answers(other), atol=1e-3)
    assert not torch.allclose(answers(packed[0]), answers(packed[1]), atol=0.1)


def test_members_by_muon_become_what_they_become_alone(fit):
    packed, alone = packed_and_alone(
        fit, [RECIPE, replace(RECIPE, lr=0.005)], [some_rows()] * 2, uses_muon=True, n_epochs=2
    )
    for one, other in zip(packed, alone, strict=True):
        assert torch.allclose(answers(one), answers(other), atol=1e-3)


def test_members_with_unequal_numbers_of_batches_are_refused(fit):
    with pytest.raises(ValueError, match="equal numbers of batches"):
        fit([RECIPE] * 2, rows=[some_rows(512), some_rows(510)])


def test_nothing_of_a_member_leaks_into_another(fit):
    rows = [some_rows(seed=1), some_rows(seed=2)]
    before, _ = fit([RECIPE] * 2, rows=rows, seeds=[1, 2], dropout=0.2, n_epochs=3)
    changes = {
        "rows": {"rows": [rows[0], some_rows(seed=3, sign=-5.0)], "recipes": [RECIPE] * 2},
        "recipe": {"rows": rows, "recipes": [RECIPE, replace(RECIPE, lr=0.5)]},
        "early stop": {"rows": rows, "recipes": [RECIPE, replace(RECIPE, patience=0)]},
    }
    for name, change in changes.items():
        after, _ = fit(seeds=[1, 2], dropout=0.2, n_epochs=3, **change)
        assert torch.allclose(answers(before[0]), answers(after[0]), atol=1e-4), name
        assert not torch.allclose(answers(before[1]), answers(after[1]), atol=1e-3), name


def test_a_member_that_is_pruned_or_fails_ends_alone(fit):
    def pruned(epoch, progress, output):
        if epoch == 2:
            raise TrialPruned
        return 1.0

    def failing(epoch, progress, output):
        raise ValueError("no score")

    judges = [pruned, failing, lambda epoch, progress, output: -epoch]
    members, _ = fit([RECIPE] * 3, judges, n_epochs=5)
    assert isinstance(members[0].failure, TrialPruned)
    assert isinstance(members[1].failure, ValueError)
    assert [member.net is None for member in members] == [True, True, False]
    assert [member.early_stopping.n_epochs for member in members] == [2, 1, 5]


def test_a_member_that_diverges_keeps_what_it_had_or_says_so(fit):
    far = FoldTensors(
        *(getattr(some_rows(), n) for n in ("numeric", "codes")), torch.full((512,), 1e30)
    )
    members, _ = fit([RECIPE, replace(RECIPE, lr=1e25)], rows=[some_rows(), far], n_epochs=3)
    assert members[0].net is not None
    assert isinstance(members[1].failure, FloatingPointError)


def test_those_that_have_stopped_are_dropped_from_the_tensors(fit, monkeypatch):
    sizes = []
    step = train_pack.__globals__["PackOptimiser"].step

    def noted(self, gradient, rate, decay):
        sizes.append(len(gradient))
        step(self, gradient, rate, decay)

    monkeypatch.setattr(train_pack.__globals__["PackOptimiser"], "step", noted)
    recipes = [replace(RECIPE, patience=p) for p in (1, 3, 2)]
    judges = [lambda epoch, progress, output: epoch] * 3
    members, n_steps = fit(recipes, judges, n_epochs=20)
    assert [member.early_stopping.n_epochs for member in members] == [2, 4, 3]
    assert sizes == [3] * 16 + [2] * 8 + [1] * 8
    assert n_steps == 32


def test_a_training_that_was_cut_goes_on_to_the_same_end(fit, tmp_path):
    """One member has stopped when it is cut; the others average, drop and are rated unequally."""
    recipes = (
        replace(RECIPE, patience=2),
        replace(RECIPE, average_epochs=2.0, clip_norm=1.0),
        replace(RECIPE, schedule="flat_cos", eases=True),
    )
    parts = [some_rows(seed=k) for k in range(3)]

    def judges(cut):
        def first(epoch, progress, output):
            return float(epoch)  # nothing gets better after the first

        def second(epoch, progress, output):
            if epoch == cut:
                raise KeyboardInterrupt
            return own_loss(parts[1])(epoch, progress, output)

        return [first, second, own_loss(parts[2])]

    options = {"recipes": recipes, "rows": parts, "dropout": 0.2}
    whole, n_steps = fit(judges=judges(None), **options)
    checkpoint = Checkpoint(tmp_path / "x.safetensors", every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        fit(judges=judges(8), checkpoint=checkpoint, **options)
    resumed, n_after = fit(judges=judges(None), checkpoint=checkpoint, **options)
    assert n_after == n_steps
    for member, again in zip(whole, resumed, strict=True):
        assert member.early_stopping.facts == again.early_stopping.facts
        for name, tensor in member.net.state_dict().items():
            torch.testing.assert_close(again.net.state_dict()[name], tensor, rtol=0, atol=0)


def test_a_member_that_fails_is_in_no_checkpoint(fit, tmp_path):
    checkpoint = Checkpoint(tmp_path / "x.safetensors", every_s=0.0)

    def fails(epoch, progress, output):
        raise TrialPruned

    fit((RECIPE, RECIPE), judges=[fails, own_loss(some_rows())], checkpoint=checkpoint)
    assert checkpoint.load() is None
