import pytest

from benchmarks.hardware.row import ALL, NONE, Choices, Unit, search_unit
from benchmarks.hardware.rows import ROWS


def judge(name, lines, choices=None):
    row = ROWS[name]
    return row.judge(lines, row.units(choices or Choices()))


def met(verdicts):
    return [verdict.is_met for verdict in verdicts]


@pytest.mark.parametrize(
    ("step_ms", "gpu_ms", "holds"),
    [(0.9, 0.73, [True, None, True]), (6.9, 0.73, [False, None, False]), (1.0, None, [True])],
)
def test_a_step_may_take_a_millisecond_and_little_more_than_its_gpu_time(
    line, step_ms, gpu_ms, holds
):
    (unit,) = ROWS["step"].units(Choices())
    figures = {"n_members": 40, "step_ms": step_ms, "gpu_ms": gpu_ms}
    assert met(judge("step", [line(unit, figures)])) == holds


@pytest.mark.parametrize(
    ("family", "rate", "holds"),
    [("realmlp", 20.0, True), ("resnet", 24.9, False), ("tabm", 10.5, True), ("mlp", 3.0, None)],
)
def test_each_family_has_its_own_number_of_members_a_second(line, family, rate, holds):
    unit = Unit("pack", {"family": family}, 1.0)
    assert met(judge("members", [line(unit, {"members_per_s": rate})])) == [holds]


@pytest.mark.parametrize(
    ("failed", "members", "holds"), [(0, 1, [True, True]), (12, 0, [False, False])]
)
def test_no_net_may_fail_in_a_short_search_and_one_must_be_in_the_ensemble(
    line, failed, members, holds
):
    (unit,) = ROWS["short"].units(Choices())
    figures = {"nets_failed": failed, "nets_in_ensemble": members}
    assert met(judge("short", [line(unit, figures)])) == holds


@pytest.mark.parametrize(
    ("tabm_s", "value", "holds"), [(24.0, "4 of 4", True), (26.0, "3 of 4", False)]
)
def test_all_families_of_nets_need_a_complete_trial_in_time(line, tabm_s, value, holds):
    seconds = {"mlp": 9.0, "resnet": 11.0, "realmlp": 15.0, "tabm": tabm_s}
    unit = ROWS["families"].units(Choices())[0]
    (found,) = judge("families", [line(unit, {"nets_complete_s": seconds})])
    assert found.value.startswith(value)
    assert found.is_met is holds


def test_a_card_with_a_kernel_at_all_times_is_not_busy_if_its_multiprocessors_are_not(line):
    units = ROWS["busy-gpu"].units(Choices())
    lines = [line(unit, {"gpu_busy": 0.99, "gpu_sm_active": 0.2}) for unit in units]
    assert met(judge("busy-gpu", lines)) == [False, None]
    unknown = [line(unit, {"gpu_busy": 0.7, "gpu_sm_active": None}) for unit in units]
    assert met(judge("busy-gpu", unknown)) == [True]
    assert judge("busy-gpu", [line(units[0], {"gpu_busy": None, "gpu_sm_active": None})]) == []


@pytest.mark.parametrize(("share", "holds"), [(0.92, True), (0.919, False)])
def test_a_share_is_judged_before_it_is_rounded(line, share, holds):
    units = ROWS["busy-cpu"].units(Choices())
    figures = {"cpu_busy": share, "cpu_recorded": 0.5}
    found = judge("busy-cpu", [line(unit, figures) for unit in units])
    assert met(found) == [holds, None]


def held_out(line, with_gpu):
    scores = {"letter": 0.06, "california_housing": 41_000.0, "adult": 0.93}
    metrics = {"letter": "log_loss", "california_housing": "rmse", "adult": "roc_auc"}
    lines = []
    for unit in ROWS["heldout-gpu"].units(Choices()):
        table = unit.key["table"]
        score = with_gpu[table] if unit.key["gpus"] == ALL else scores[table]
        lines.append(line(unit, {"score": score, "metric": metrics[table]}))
    return lines


def test_the_gpu_has_to_show_on_rows_apart(line):
    good = {"letter": 0.05, "california_housing": 39_900.0, "adult": 0.93}
    assert met(judge("heldout-gpu", held_out(line, good))) == [True] * 4
    poor = {"letter": 0.06, "california_housing": 41_000.0, "adult": 0.92}
    assert met(judge("heldout-gpu", held_out(line, poor))) == [False] * 4
    some = held_out(line, good)[:3]  # letter alone: two tables may still be better
    assert met(judge("heldout-gpu", some)) == [True, None]


def cores(line, few_cores=16, long_loss=0.4):
    lines = []
    for unit in ROWS["cores"].units(Choices()):
        is_long = unit.key["time_s"] > 60
        loss = 0.4 if unit.key["cores"] == ALL else long_loss if is_long else 0.5
        lines.append(line(unit, {"score": loss, "metric": "log_loss"}, cores=few_cores))
    return lines


def test_many_cores_have_to_be_better_and_worth_four_times_as_long(line):
    assert met(judge("cores", cores(line))) == [True, True]
    assert met(judge("cores", cores(line, long_loss=0.3))) == [True, False]
    told = judge("cores", cores(line))[0]
    assert told.what.startswith("16 cores in 60 s")
    assert told.bar == ">= 4 of 5"


def test_two_cores_against_two_decide_nothing(line):
    assert met(judge("cores", cores(line, few_cores=2))) == [None, None]


def test_images_are_judged_by_the_first_step_errors_a_thousand_and_seconds(line):
    (unit,) = ROWS["images"].units(Choices())
    figures = {"first_step_s": 2.5, "errors": 3, "n_test": 400, "thousand_s": 3.0}
    found = judge("images", [line(unit, figures)])
    assert met(found) == [True, True, True]
    assert found[1].value == "7.5"
    none = judge("images", [line(unit, {**figures, "first_step_s": None, "thousand_s": 28.0})])
    assert met(none) == [True, False]


def long(line, new, wasted, later):
    lines = []
    for unit in ROWS["long"].units(Choices()):
        score = new if unit.key["state"] == "this" else 0.5
        figures = {"score": score, "metric": "log_loss", "incomplete_share": wasted}
        lines.append(line(unit, {**figures, "ensemble_earlier": 0.5, "ensemble_end": later}))
    return lines


def test_long_searches_have_to_be_better_than_before_waste_little_and_gain_late(line):
    assert met(judge("long", long(line, 0.49, 0.1, 0.48))) == [True, True, True]
    assert met(judge("long", long(line, 0.51, 0.3, 0.5))) == [False, False, False]


def test_without_an_older_checkout_the_rest_is_judged(line):
    own = [one for one in long(line, 0.49, 0.1, 0.48) if one["key"]["state"] == "this"]
    assert met(judge("long", own)) == [True, True]


def test_ours_has_to_be_better_on_six_of_ten_tables(line):
    lines = []
    for number, unit in enumerate(ROWS["against"].units(Choices())):
        ours = unit.kind == "search"
        score = (0.9 if number // 2 < 6 else 0.7) if ours else 0.8
        lines.append(line(unit, {"score": score, "metric": "roc_auc"}))
    (found,) = judge("against", lines)
    assert (found.value, found.is_met) == ("6 of 10", True)
    (some,) = judge("against", lines[:8])
    assert (some.value, some.is_met) == ("4 of 4", None)


def test_units_of_other_budgets_are_not_judged_by_the_row(line):
    short = search_unit("adult", 5, gpus=NONE)
    assert judge("heldout-gpu", [line(short, {"score": 0.9, "metric": "roc_auc"})]) == []
