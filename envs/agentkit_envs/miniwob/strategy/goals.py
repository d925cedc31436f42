"""How goals are worded."""

import re

_QUOTED = re.compile(r'"(.*?)"(?=[\s.,?]|$)')
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)\b")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def quotes(goal: str) -> list[str]:
    """The texts between double quotes."""
    return _QUOTED.findall(goal)


def ordinals(goal: str) -> list[int]:
    """The indexes, from 0, that 1st, 2nd, 3rd ... stand for."""
    return [int(number) - 1 for number in _ORDINAL.findall(goal)]


def numbers(text: str) -> list[float]:
    """The numbers in a text."""
    return [float(number) for number in _NUMBER.findall(text)]


def between(goal: str, start: str, end: str) -> str:
    """The part between two patterns; the rest if the second is not there."""
    match = re.search(f"{start}(.*?)(?:{end}|$)", goal)
    return match[1].strip() if match else ""


def listed(text: str) -> list[str]:
    """The parts of a text that commas separate."""
    return [part.strip() for part in text.split(",") if part.strip()]
