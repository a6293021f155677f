import math

import numpy as np
import pytest
from scipy import stats

from perdita.compare.result import Interval
from perdita.compare.verdict.significance import (
    TESTS,
    block_ranks,
    cliques,
    constant,
    critical_difference,
    friedman_p,
    holm,
    mean_interval,
    paired_p,
)
from perdita.core.errors import InputError


def test_interval_of_independent_runs_is_students():
    values = np.array([0.91, 0.93, 0.90, 0.95, 0.92])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    found = mean_interval(values, 0.0, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_corrected_t_by_hand():
    differences = np.array([0.02, 0.01, 0.04, 0.01])  # mean 0.02, sum of squared deviations 0.0006, s² = 0.0002
    t = 0.02 / math.sqrt((1 / 4 + 1 / 4) * 0.0002)  # = 2
    assert t == pytest.approx(2.0)
    # Student's distribution on 3 degrees of freedom in closed form
    tail = 0.5 - (math.atan(t / math.sqrt(3)) + (t / math.sqrt(3)) / (1 + t * t / 3)) / math.pi
    assert paired_p(differences, 0.25) == pytest.approx(2 * tail)
    found = mean_interval(differences, 0.25)
    assert found.high - found.mean == pytest.approx(3.182446305 * 0.01)  # t table, 0.975, 3 degrees of freedom
    assert found.mean - found.low == pytest.approx(3.182446305 * 0.01)


def test_interval_and_p_agree_on_significance():
    rng = np.random.default_rng(1)
    verdicts = []
    for _ in range(100):
        differences = rng.normal(0.5, 0.5, 8)
        interval = mean_interval(differences, 0.2)
        p = paired_p(differences, 0.2)
        assert p is not None
        verdicts.append(p < 0.05)
        assert (p < 0.05) == (not interval.low <= 0 <= interval.high)
    assert 10 < sum(verdicts) < 90


def test_an_interval_ends_where_the_measure_does():
    accuracies = np.array([1.0, 0.9, 0.99])
    whole, cut = mean_interval(accuracies, 0.25), mean_interval(accuracies, 0.25, bounds=(0.0, 1.0))
    assert whole.high > 1
    assert (cut.mean, cut.low, cut.high) == (whole.mean, whole.low, 1.0)
    assert mean_interval(1 - accuracies, 0.25, bounds=(0.0, math.inf)).low == 0
    assert mean_interval(np.ones(3), 0.25, bounds=(0.0, 1.0)) == Interval(1.0, 1.0, 1.0)
    assert math.isnan(mean_interval(np.ones(1), 0.25, bounds=(0.0, 1.0)).high)


def test_the_cut_does_not_change_how_often_an_interval_holds_the_mean():
    rng, mean = np.random.default_rng(2), 0.95
    drawn = rng.beta(19, 1, (2000, 3))  # accuracies near 1, whose plain intervals often pass it
    whole, cut = ([mean_interval(row, 0.0, bounds=b) for row in drawn] for b in ((-math.inf, math.inf), (0.0, 1.0)))
    assert sum(one.high > 1 for one in whole) > 500
    assert [one.low <= mean <= one.high for one in whole] == [one.low <= mean <= one.high for one in cut]


def test_few_values():
    empty, single = mean_interval(np.array([]), 0.2), mean_interval(np.array([0.5]), 0.2)
    assert all(map(math.isnan, (empty.mean, empty.low, empty.high)))
    assert single.mean == 0.5
    assert math.isnan(single.low)
    assert math.isnan(single.high)
    for test in TESTS:
        assert paired_p(np.array([]), 0.2, test) is None
        assert paired_p(np.array([0.5]), 0.2, test) is None


@pytest.mark.parametrize("test", TESTS)
def test_no_difference_has_p_one(test):
    assert paired_p(np.zeros(6), 0.2, test) == 1.0


def test_equal_differences_fall_back_to_the_sign_flip_test():
    assert paired_p(np.full(2, 1 / 36), 0.2) == pytest.approx(2 / 2**2)
    assert paired_p(np.full(10, -0.01), 0.2) == pytest.approx(2 / 2**10)
    assert constant(np.array([0.1 + 0.2 - 0.2, 0.1]))  # up to rounding
    assert not constant(np.array([0.1, 0.11]))
    assert not constant(np.zeros(3))


def test_second_opinions_are_scipys():
    differences = np.array([0.3, 0.5, -0.1, 0.7, 0.9, 0.2])
    assert paired_p(differences, 0.2, "wilcoxon") == stats.wilcoxon(differences).pvalue == pytest.approx(2 / 2**6 * 2)
    flips = [
        abs(np.mean(differences * signs)) >= abs(differences.mean()) - 1e-12
        for signs in np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1).T
    ]
    assert paired_p(differences, 0.2, "permutation") == pytest.approx(np.mean(flips))


def test_unknown_test():
    with pytest.raises(InputError, match=r"one of t, wilcoxon, permutation, not 'z'"):
        paired_p(np.ones(3), 0.2, "z")


def test_holm_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 = 0.02, 0.03, 0.06, 0.04 -> the last is raised to 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, None, 0.9]) == [1.0, None, 1.0]
    assert holm([]) == []


def test_holm_equals_statsmodels():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(0)
    for size in range(1, 13):
        p_values = rng.uniform(0, 0.3, size).round(2)  # with ties
        assert holm(p_values.tolist()) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_critical_difference_against_the_published_table():
    # Demšar 2006, table 5(a), q at 0.05 for 2 to 10 classifiers
    table = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
    for losses, q in table.items():
        # to half a unit of the last printed digit, and one more: Demšar divided rounded quantiles by the root of two
        assert critical_difference(losses, 30) == pytest.approx(q * math.sqrt(losses * (losses + 1) / 180), rel=6e-4)
    assert critical_difference(5, 30) == pytest.approx(2.728 * math.sqrt(30 / 180), abs=5e-4)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)  # the worked example of Demšar, section 3.2.2


def test_friedman_and_ranks_with_failures_and_ties():
    goodness = np.array([[0.9, 0.8, 0.9], [0.9, np.nan, 0.7], [0.5, np.nan, 0.8]])
    ranks = block_ranks(goodness)
    assert ranks.tolist() == [[1.5, 1.0, 1.0], [1.5, 2.5, 3.0], [3.0, 2.5, 2.0]]
    assert friedman_p(ranks) == pytest.approx(stats.friedmanchisquare(*ranks).pvalue)
    assert friedman_p(np.full((3, 4), 2.0)) == 1.0


def test_cliques_by_hand():
    ranks = {"d": 3.5, "a": 1.0, "c": 2.4, "b": 1.9, "e": 6.0}
    assert cliques(ranks, 1.5) == (("a", "b", "c"), ("c", "d"))
    assert cliques(ranks, 1.0) == (("a", "b"), ("b", "c"))
    assert cliques(ranks, 0.1) == ()
    assert cliques(ranks, 9.0) == (("a", "b", "c", "d", "e"),)


def test_cliques_are_the_pairs_that_nemenyi_cannot_tell_apart():
    import scikit_posthocs as posthocs

    rng = np.random.default_rng(3)
    told_apart = 0
    for _ in range(20):
        goodness = rng.normal(size=(5, 12)) + np.array([0, 0.5, 1, 1.5, 2])[:, None]
        p = posthocs.posthoc_nemenyi_friedman(goodness.T).to_numpy()
        ranks = block_ranks(goodness).mean(1)
        groups = cliques({str(i): rank for i, rank in enumerate(ranks)}, critical_difference(5, 12))
        for i in range(5):
            for j in range(i):
                together = any(str(i) in group and str(j) in group for group in groups)
                assert together == (p[i, j] >= 0.05)
                told_apart += not together
    assert 20 < told_apart < 180


def _resamples(rng, runs, effect=0.0, losses=1, training=0.0):
    """Scores on hold-out splits of one data set of 100 rows, 25 of them tested: the mean over the test rows of how well
    each row is served, and a share that comes through the training rows."""
    rows, taught = rng.normal(effect, 1, (losses, 100)), training * rng.normal(size=(losses, 100))
    order = [rng.permutation(100) for _ in range(runs)]
    scores = [rows[:, part[:25]].mean(1) + taught[:, part[25:]].mean(1) for part in order]
    return np.stack(scores, 1)


@pytest.mark.parametrize("runs", [5, 20])
def test_false_alarms_on_resamples_of_one_data_set(runs):
    """Under the null, the corrected test errs near 5 % of the time, the uncorrected one far more often."""
    rng = np.random.default_rng(runs)
    drawn = [_resamples(rng, runs)[0] for _ in range(1500)]
    corrected = np.mean([paired_p(d, 1 / 3) < 0.05 for d in drawn])
    naive = np.mean([paired_p(d, 0.0) < 0.05 for d in drawn])
    # the standard error of a share of 5 % over 1500 data sets is 0.6 %
    assert 0.025 < corrected < 0.075
    assert naive > 3 * corrected


def test_false_alarms_where_shared_training_rows_matter_too():
    rng = np.random.default_rng(7)
    drawn = [_resamples(rng, 10, training=1.0)[0] for _ in range(1500)]
    corrected = np.mean([paired_p(d, 1 / 3) < 0.05 for d in drawn])
    assert corrected < 0.15  # too sure, as the module says, but not grossly
    assert np.mean([paired_p(d, 0.0) < 0.05 for d in drawn]) > 0.3


def test_the_interval_covers_the_truth():
    rng = np.random.default_rng(5)
    found = [mean_interval(_resamples(rng, 10, effect=0.3)[0], 1 / 3) for _ in range(1500)]
    assert 0.925 < np.mean([interval.low <= 0.3 <= interval.high for interval in found]) < 0.975


def test_power_grows_with_the_effect():
    rng = np.random.default_rng(11)
    power = [
        np.mean([paired_p(_resamples(rng, 10, effect)[0], 1 / 3) < 0.05 for _ in range(300)])
        for effect in (0.0, 0.2, 0.4, 0.8)
    ]
    assert power == sorted(power)
    assert power[0] < 0.1
    assert power[-1] > 0.9


@pytest.mark.parametrize("losses", [2, 8])
def test_a_loss_as_good_as_the_best_is_seldom_left_out(losses):
    rng = np.random.default_rng(losses)
    left_out = 0
    for _ in range(500):
        scores = _resamples(rng, 10, losses=losses)
        first = scores.mean(1).argmax()
        p_values = holm([paired_p(scores[first] - scores[i], 1 / 3) for i in range(losses) if i != first])
        left_out += sum(p < 0.05 for p in p_values)
    assert left_out / (500 * losses) < 0.06
