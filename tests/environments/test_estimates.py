import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.environments.estimates import bootstrap, estimate, share, wilson


def test_a_bootstrap_interval_holds_the_value_and_is_the_same_each_time():
    episodes = [float(i % 3 == 0) for i in range(30)]
    low, high = bootstrap(fmean, episodes)
    assert low < fmean(episodes) < high
    assert (low, high) == bootstrap(fmean, episodes)


def test_wilsons_interval_is_that_of_the_textbook():
    low, high = wilson(7, 25)  # worked by hand
    assert (low, high) == (pytest.approx(0.14284, abs=1e-5), pytest.approx(0.47577, abs=1e-5))
    low, high = wilson(81, 263)  # Newcombe 1998, table I, method 3
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert wilson(0, 20) == (0, pytest.approx(0.1611, abs=1e-4))
    assert wilson(20, 20) == (pytest.approx(0.8389, abs=1e-4), 1)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_holds_the_share(pair: tuple[int, int]):
    successes, count = pair
    low, high = wilson(successes, count)
    assert 0 <= low <= successes / count <= high <= 1


def test_wilsons_interval_covers_the_truth_about_as_often_as_it_says():
    draw = random.Random(0)
    held = 0
    for _ in range(2000):
        low, high = wilson(sum(draw.random() < 0.1 for _ in range(60)), 60)
        held += low <= 0.1 <= high
    assert 0.93 < held / 2000 < 0.98


def test_nothing_has_no_interval():
    with pytest.raises(ValueError, match="no episodes"):
        bootstrap(len, [])
    with pytest.raises(ValueError, match="no episodes"):
        wilson(0, 0)
    with pytest.raises(ValueError, match="expected 0 to 5 successes, found 6"):
        wilson(6, 5)


def test_an_estimate_reads_as_a_line_and_has_its_numbers():
    found = estimate(fmean, [1.0, 0.5] * 20, digits=2, unit=" points", note=", so far")
    assert found.low < 0.75 < found.high
    assert str(found) == (
        f"0.75 points (95% between {found.low:.2f} and {found.high:.2f}, 40 episodes), so far"
    )
    assert str(share(10, 40)) == "25.0% (95% between 14.2 and 40.2, 10 of 40 episodes)"
    assert str(share(1, 1)) == "100.0% (one episode)"
    assert share(10, 40).as_dict() == {
        "value": 25.0, "low": pytest.approx(14.19, abs=0.01),
        "high": pytest.approx(40.19, abs=0.01), "episodes": 40,
    }  # fmt: skip


@pytest.mark.parametrize("measure", [lambda: estimate(fmean, []), lambda: share(0, 0)])
def test_nothing_cannot_be_measured(measure):
    with pytest.raises(ValueError, match="no episodes"):
        measure()
