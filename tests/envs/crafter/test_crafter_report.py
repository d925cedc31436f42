from agentkit_envs.crafter.env import CrafterEnv

from agentkit.environments.make import env_report
from agentkit.plugins import register_envs


def info(**made: int) -> dict[str, dict[str, int]]:
    names = ["collect_wood", "eat_cow", "wake_up", "collect_diamond"]
    return {"achievements": {name: made.get(name, 0) for name in names}}


def lines_of(infos):
    """The report as it is printed."""
    return {label: str(said) for label, said in CrafterEnv.report(infos).items()}


def test_one_episode_lists_its_achievements():
    lines = lines_of([info(collect_wood=3, eat_cow=1)])
    assert lines["achievements"] == "2 of 4: collect_wood, eat_cow"
    assert lines["Crafter score"] == "9.0% (one episode)"  # exp((2 ln 101) / 4) - 1
    assert lines["progress"] == "50.0% (one episode)"


def test_many_episodes_give_means_with_their_interval():
    lines = lines_of([info(collect_wood=1), info(collect_wood=2, eat_cow=1)] * 10)
    assert lines["achievements"] == (
        "1.5 of 4 in the mean episode; always collect_wood; never wake_up, collect_diamond"
    )
    assert lines["progress"].startswith("37.5% (95% between ")
    assert lines["progress"].endswith(", 20 episodes)")


def test_nothing_made_is_said():
    assert lines_of([info()])["achievements"] == "0 of 4"


def test_agentkit_finds_the_report_by_the_id_of_the_environment():
    register_envs()
    assert env_report("agentkit/Crafter-v1", [info(wake_up=1)])["achievements"] == "1 of 4: wake_up"
