import math

import pytest
from agentkit_envs.crafter.score import crafter_score, progress, success_rates

HALF = [{"a": True, "b": False}, {"a": True, "b": False}]


def test_the_score_is_the_geometric_mean_of_the_paper():
    assert crafter_score(HALF) == pytest.approx(math.sqrt(101 * 1) - 1)
    assert crafter_score([{"a": True}]) == pytest.approx(100)
    assert crafter_score([{"a": False}]) == pytest.approx(0)


def test_progress_is_the_mean_share_unlocked():
    assert progress([{"a": True, "b": False}, {"a": True, "b": True}]) == 75


def test_rates_are_percent_of_episodes():
    assert success_rates([{"a": True}, {"a": False}]) == {"a": 50}


def test_nothing_cannot_be_scored():
    with pytest.raises(ValueError, match="no episodes"):
        crafter_score([])
