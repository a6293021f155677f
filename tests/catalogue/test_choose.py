"""The chooser: reasons come from cards and verdicts, and the loss that they speak for comes first."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

import perdita
from perdita.catalogue.choose import METRICS, QUESTIONS, Answers, choose, compare_command, reasons, squared
from perdita.compare.arms import BASELINES
from perdita.compare.verdict.metrics import METRICS as MEASURED
from perdita.core import Cost, InputError, Traits

NO_RESULTS = {}


def made(name="cross_entropy", **facts):
    return replace(perdita.card(name), **facts)


def texts(card, results=NO_RESULTS, **needs):
    return {reason.text: reason.weight for reason in reasons(card, Answers(**needs), results)}


@pytest.mark.parametrize(
    ("need", "better", "worse"),
    [
        ("noise", Traits(symmetric=True), Traits(symmetric=False)),
        ("noise", Traits(bounded=True), Traits(bounded=False)),
        ("noise", Traits(minimizer="median"), Traits(minimizer="mean", bounded=False)),
        ("calibrated", Traits(proper=True), Traits(proper=False)),
    ],
)
def test_a_trait_decides(need, better, worse):
    cards = [made(name="cross_entropy", traits=worse), replace(perdita.card("squentropy"), traits=better)]
    best, *_ = choose(Answers(**{need: True}), cards=cards, results=NO_RESULTS)
    assert best.card.name == "squentropy"
    assert need in best.met


def test_with_another_need_the_same_trait_says_nothing():
    assert texts(made(traits=Traits(proper=False)), imbalance=True) == texts(
        made(traits=Traits(proper=True)), imbalance=True
    )


def test_without_any_need_what_is_proper_and_convex_comes_first():
    plain = texts(made(traits=Traits(proper=True, convex=True)))
    assert sorted(plain.values()) == [0.5, 0.5]
    assert texts(made(traits=Traits(proper=False))) == {}


@pytest.mark.parametrize("need", QUESTIONS)
def test_every_need_finds_a_loss_of_the_catalogue(need):
    found = choose(Answers(task="multiclass", **{need: True}))
    assert len(found) == 6
    assert all(need in choice.met and choice.card.task == "multiclass" for choice in found[:3])


def test_two_needs_are_answered_by_a_loss_that_answers_both():
    best, *_ = choose(Answers(task="multiclass", imbalance=True, noise=True))
    assert set(best.met) == {"imbalance", "noise"}


def test_known_answers():
    def names(**answers):
        return [choice.card.name for choice in choose(Answers(**answers), results=NO_RESULTS, limit=4)]

    assert "logit_adjusted_cross_entropy" in names(task="multiclass", imbalance=True)
    assert "softmax_mae" in names(task="multiclass", noise=True)
    assert names(task="multiclass", calibrated=True)[0] == "brier"
    assert {"l1", "quantile"} <= set(names(task="regression", noise=True))
    assert "mse" not in names(task="regression", noise=True)


def test_rows_and_costs_speak_to_memory():
    large, small = made(cost=Cost(memory="n n"), rowwise=False), made(cost=Cost(memory="n c"))
    assert sum(texts(large, memory=True).values()) < 0 < sum(texts(small, memory=True).values())
    assert [squared(cost) for cost in ("n n", "n^2 d", "n c + n n", "n c", "n d + d d", "n c, and one")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(("verdict", "weight"), [("holds", 0.5), ("does not hold", -0.5), ("inconclusive", None)])
def test_a_verdict_speaks_for_or_against(verdict, weight):
    result = {"squentropy": {"verdict": verdict, "statement": "It is better."}}
    found = texts(perdita.card("squentropy"), result)
    assert found.get(f"its paper's claim {verdict} when measured again: It is better.") == weight


def test_the_claim_of_a_survey_speaks_of_no_single_loss():
    card = perdita.card("log_cosh")
    assert sum(other.paper == card.paper for other in perdita.cards()) > 5
    result = {card.paper: {"verdict": "holds", "statement": "All are alike."}}
    (choice,) = choose(Answers(memory=False, noise=None, imbalance=True), cards=[card], results=result)
    assert choice.reasons == ()


def test_what_makes_a_loss_harder_to_use_speaks_against_it():
    assert min(texts(perdita.card("rank_mixup")).values()) <= -1
    limited = made(limits={"compile": "reads values"}, traits=Traits())
    assert texts(limited) == {"does not support compile": -0.25}
    assert min(texts(made(traits=Traits(classification_calibrated=False))).values()) == -2


def test_an_unknown_task_is_named():
    with pytest.raises(InputError, match="did you mean 'multiclass'"):
        choose(Answers(task="multclass"))


def test_the_order_is_the_same_each_time_and_the_limit_only_cuts():
    every = [choice.card.name for choice in choose(Answers(noise=True), limit=None)]
    assert sorted(every) == [card.name for card in perdita.cards()]
    assert [choice.card.name for choice in choose(Answers(noise=True), limit=5)] == every[:5]


@pytest.mark.parametrize("task", BASELINES)
@pytest.mark.parametrize("need", [None, *QUESTIONS])
def test_the_command_is_one_that_compare_takes(task, need):
    answers = Answers(task=task, **({need: True} if need else {}))
    words = shlex.split(compare_command(answers, ["l1", "focal"], task, BASELINES[task], "d.csv"))
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[:3] == ["perdita", "compare", "d.csv"]
    assert given["--losses"].split(",")[0] == given["--baseline"] == BASELINES[task]
    metrics = {metric.name for metric in MEASURED[task]}
    assert given.get("--metric", MEASURED[task][0].name) in metrics
    assert set(METRICS.values()) <= {metric.name for metric in MEASURED["multiclass"]}


def test_what_calls_tell_of_a_loss():
    from perdita.catalogue.behaviour import background_is_free, pulls_evenly

    slow, steep = ("l1", "huber", "log_cosh", "smooth_l1", "tukey"), ("mse", "expectile", "berhu", "cross_entropy")
    assert all(pulls_evenly(perdita.card(name)) for name in slow)
    assert not any(pulls_evenly(perdita.card(name)) for name in steep)
    free, counting = ("binary_dice", "binary_jaccard"), ("binary_cross_entropy", "binary_focal", "dice")
    assert all(background_is_free(perdita.card(name)) for name in free)
    assert not any(background_is_free(perdita.card(name)) for name in counting)


FITTING = {  # a problem → a loss that a reader of the field expects among the first
    Answers(task="multiclass"): "cross_entropy",
    Answers(task="multiclass", noise=True): "generalized_cross_entropy",
    Answers(task="multiclass", imbalance=True, calibrated=True): "logit_adjusted_cross_entropy",
    Answers(task="regression", noise=True): "huber",
    Answers(task="regression", imbalance=True): "cisir",
    Answers(task="binary", imbalance=True, calibrated=True): "binary_cross_entropy",
    Answers(task="segmentation", imbalance=True): "binary_tversky",
    Answers(task="embedding", memory=True): "proxy_nca",
    Answers(task="multilabel", imbalance=True): "multilabel_soft_margin",
    Answers(task="ordinal"): "ordinal_cross_entropy",
}


@pytest.mark.parametrize("answers", FITTING, ids=lambda answers: f"{answers.task} {' '.join(answers.needs)}".strip())
def test_the_shortlist_of_a_usual_problem(answers):
    assert FITTING[answers] in [choice.card.name for choice in choose(answers, limit=6)]
