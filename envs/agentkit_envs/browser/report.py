"""What the end of a run says of episodes in a browser."""

from collections.abc import Mapping, Sequence
from typing import Any


def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Answers, failed actions and what was refused, from the last `info` of each episode.

    Nobody judges the answers, so there is no score.
    """
    count = len(infos)
    answers = [info["message"] for info in infos if info["message"] is not None]
    given_up = [info["infeasible"] for info in infos if info["infeasible"] is not None]
    if count == 1:
        lines = {"answer": answers[0] if answers else "none was sent"}
        if given_up:
            lines["reported infeasible"] = given_up[0]
    else:
        lines = {
            "answers": f"{len(answers)} of {count} episodes",
            "reported infeasible": f"{len(given_up)} of {count} episodes",
        }
    actions, failed = (sum(info[key] for info in infos) for key in ("decisions", "failed"))
    lines["actions with an error"] = f"{failed} of {actions}"
    refused = list(dict.fromkeys(text for info in infos for text in info["refused"]))
    if refused:
        lines["refused by the allow-list"] = _first(refused)
    return lines


def _first(texts: Sequence[str], shown: int = 3) -> str:
    more = f"; and {len(texts) - shown} more" if len(texts) > shown else ""
    return "; ".join(texts[:shown]) + more
