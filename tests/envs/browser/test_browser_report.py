"""What the end of a run says of episodes in a browser."""

from agentkit_envs.browser.report import report

INFO = {"message": None, "infeasible": None, "decisions": 4, "failed": 1, "refused": []}


def info(**changes):
    return {**INFO, **changes}


def test_of_one_episode_the_answer_is_told():
    assert report([info(message="It is red.")]) == {
        "answer": "It is red.",
        "actions with an error": "1 of 4",
    }
    assert report([info()])["answer"] == "none was sent"
    assert report([info(infeasible="no shop")])["reported infeasible"] == "no shop"


def test_of_several_episodes_it_counts():
    episodes = [info(message="a"), info(message=""), info(infeasible="b"), info()]
    assert report(episodes) == {
        "answers": "2 of 4 episodes",
        "reported infeasible": "1 of 4 episodes",
        "actions with an error": "4 of 16",
    }


def test_what_was_refused_is_told_once_and_not_at_any_length():
    first = info(refused=["http://a.example: no", "http://b.example: no"])
    second = info(refused=["http://a.example: no"])
    told = report([first, second])["refused by the allow-list"]
    assert told == "http://a.example: no; http://b.example: no"
    many = report([info(refused=[f"http://{n}.example: no" for n in range(9)])])
    assert many["refused by the allow-list"].endswith("http://2.example: no; and 6 more")
