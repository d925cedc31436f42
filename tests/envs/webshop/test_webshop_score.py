"""Scores of many WebShop episodes, and what a run says of them at its end."""

from dataclasses import asdict
from typing import Any

import pytest
from agentkit_envs.webshop.goals.reward import Score
from agentkit_envs.webshop.report import report
from agentkit_envs.webshop.score import score, successes

from agentkit.environments.make import env_report
from agentkit.plugins import register_envs

SMALL = "WebShop's data in DIR (1,000 products, processed form, 0123abcd)"
MADE_UP = "the generated catalogue (5,000 products, seed 0, 4567cdef)"


def info(
    reward: float | None, *, generated: bool = False, nouns: str = "rules", **more: Any
) -> dict[str, Any]:
    """The last info of an episode; None: nothing was bought."""
    bought = reward is not None and Score(
        reward=reward,
        type_factor=1.0 if reward else 0.0,
        matched_attributes=2 if reward else 1,
        attributes=2,
        matched_options=1 if reward == 1 else 0,
        options=1,
        price_ok=True,
        query_match=True,
        category_match=True,
        title_score=1.0,
        nouns=nouns,
    )
    return {
        "score": asdict(bought) if bought else None,
        "generated": generated,
        "catalogue": MADE_UP if generated else SMALL,
        "goals": "synthetic",
        "split": "all",
        "goal_count": 6910,
        "session": 0,
        "attributes_shown": False,
        **more,
    }


def test_the_score_is_the_mean_reward_and_success_the_share_of_whole_ones():
    rewards = [1.0, 0.5, 0.0, 1.0]
    assert score(rewards) == 62.5
    assert successes(rewards) == 2
    assert successes([0.9999999]) == 0


def test_nothing_cannot_be_scored():
    with pytest.raises(ValueError, match="no episodes"):
        score([])


def test_many_episodes_give_score_success_and_parts():
    lines = report([info(1.0), info(0.75), info(None), info(0.0)] * 10)
    assert str(lines["score"]).startswith("43.8 (95% between ")
    assert str(lines["score"]).endswith(", 40 episodes)")
    assert str(lines["success rate"]) == "25.0% (95% between 14.2 and 40.2, 10 of 40 episodes)"
    assert lines["purchases"] == "30 of 40 episodes"
    assert lines["parts"] == "attributes 83.3%, options 33.3%, price 100.0%, type factor 0.667"
    assert lines["nouns"] == "rules (the original: spacy:en_core_web_lg)"
    assert lines["catalogue"] == SMALL


def test_one_episode_has_no_interval():
    lines = report([info(0.5)])
    assert str(lines["score"]) == "50.0 (one episode)"
    assert str(lines["success rate"]) == "0.0% (one episode)"
    assert lines["purchases"] == "1 of 1 episode"


def test_episodes_without_a_purchase_count_as_nothing():
    lines = report([info(None)] * 3)
    assert str(lines["score"]).startswith("0.0 (")
    assert lines["purchases"] == "0 of 3 episodes"
    assert "parts" not in lines
    assert "nouns" not in lines


def test_results_on_the_generated_catalogue_are_never_the_benchmarks():
    for infos in ([info(1.0, generated=True)], [info(1.0), info(1.0, generated=True)]):
        lines = report(infos)
        assert str(lines["score"]).endswith(", on generated products: no result of the benchmark")
        assert MADE_UP in lines["catalogue"]
        said = " ".join(map(str, lines.values()))
        assert said.count("benchmark") == 1, "said once, where it cannot be missed"
    assert "benchmark" not in " ".join(map(str, report([info(1.0)]).values()))


def test_a_score_is_not_called_the_benchmarks_measure():
    """Of synthetic goals on 1,000 products it was called 'WebShop score', as if published."""
    assert not [label for label in report([info(1.0)]) if "WebShop" in label]


@pytest.mark.parametrize(
    ("sessions", "told"),
    [
        ([3], "synthetic, 3 of 6,910 (split all)"),
        ([3, 3], "synthetic, 3 of 6,910 (split all)"),
        ([*range(500)], "synthetic, 0 to 499 of 6,910 (split all)"),
        ([4, 1500, 6], "synthetic, 3 between 4 and 1,500 of 6,910 (split all)"),
    ],
)
def test_the_goals_that_were_played_are_named(sessions, told):
    assert report([info(1.0, session=session) for session in sessions])["goals"] == told


def test_goals_of_two_kinds_are_told_apart():
    human = info(0.5, goals="human", split="test", goal_count=12087, session=7)
    told = "human, 7 of 12,087 (split test); synthetic, 0 of 6,910 (split all)"
    assert report([info(1.0), human])["goals"] == told


def test_attributes_that_were_shown_are_told():
    assert "attributes" not in report([info(1.0)])
    told = report([info(1.0), info(1.0, attributes_shown=True)])["attributes"]
    assert told == "shown to the shopper: no result of the benchmark"


def test_episodes_of_different_catalogues_are_not_mixed_in_silence():
    """A run was stopped, its data edited, and the run resumed."""
    changed = SMALL.replace("0123", "89ab")
    told = report([info(1.0), info(1.0, catalogue=changed)])["catalogue"]
    assert told == f"2 different ones, so the numbers belong to none: {SMALL}; {changed}"


def test_scores_with_the_originals_tagger_need_no_remark():
    lines = report([info(1.0, nouns="spacy:en_core_web_lg")])
    assert lines["nouns"] == "spacy:en_core_web_lg"


def test_agentkit_finds_the_report_by_the_id_of_the_environment():
    register_envs()
    assert env_report("agentkit/WebShop-v1", [info(0.5)]) == report([info(0.5)])
