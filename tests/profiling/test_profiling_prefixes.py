"""How much of a request repeats the beginning of an earlier one."""

from dataclasses import replace

import pytest

from agentkit import Image, Message
from agentkit.profiling.prefixes import BLOCK, PrefixMeter, Recent

SYSTEM = Message("system", "You play. " * 100)
CONTEXT = Message("user", "A tree to the west. " * 50)


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


@pytest.fixture
def measure():
    """Measures requests one after the other."""
    meter = PrefixMeter()
    return lambda *messages, attempt=1: meter.measure(messages, attempt)


def length(*messages: Message) -> int:
    return sum(len(f"{m.role}\n{m.content}\n") for m in messages)


def test_the_first_request_extends_nothing(measure):
    first = measure(SYSTEM, CONTEXT, user("What now?"))
    assert first.repeated == 0
    assert first.differs_in == "first request"
    assert first.characters == length(SYSTEM, CONTEXT, user("What now?"))


def test_whole_blocks_that_were_sent_before_are_counted(measure):
    measure(SYSTEM, CONTEXT, user("What now?"))
    second = measure(SYSTEM, CONTEXT, user("And then?"))
    common = length(SYSTEM, CONTEXT) + len("user\n")
    assert second.repeated == common // BLOCK * BLOCK
    assert second.differs_in == "prompt"


def test_a_difference_in_front_spoils_all_that_follows(measure):
    measure(user(f"Step 1. {CONTEXT.content}"), user("What now?"))
    second = measure(user(f"Step 2. {CONTEXT.content}"), user("What now?"))
    assert second.repeated == 0
    assert second.differs_in == "context"


def test_a_block_counts_only_at_the_same_place_behind_the_same_text(measure):
    measure(user("x" * 2 * BLOCK))
    assert measure(user("y" * BLOCK + "x" * 2 * BLOCK)).repeated == 0


def test_any_earlier_request_may_be_the_one_that_is_extended(measure):
    measure(SYSTEM, CONTEXT, user("a"))
    measure(SYSTEM, user("another context " * 60), user("b"))
    third = measure(SYSTEM, CONTEXT, user("c"))
    assert third.differs_in == "prompt"
    assert third.repeated == (length(SYSTEM, CONTEXT) + 5) // BLOCK * BLOCK


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        (0, "system"),
        (1, "context"),
        (2, "recalled"),
        (3, "recalled"),
        (4, "prompt"),
        (5, "correction"),
        (6, "correction"),
        (7, "nothing"),
    ],
)
def test_the_message_with_the_first_difference_is_named(measure, changed, place):
    request = [
        SYSTEM, CONTEXT, user("Where?"), assistant("West."), user("What now?"), assistant("?"),
        user("That answer cannot be used"),
    ]  # fmt: skip
    measure(*request, attempt=2)
    other = [*request]
    if changed < len(request):
        other[changed] = replace(request[changed], content="other")
    assert measure(*other, attempt=2).differs_in == place


def test_without_system_and_context_only_the_prompt_can_differ(measure):
    measure(user("a"))
    assert measure(user("b")).differs_in == "prompt"
    assert measure(user("Where?"), assistant("West."), user("b")).differs_in == "recalled"


def test_a_picture_is_part_of_its_message(measure):
    one, other = (replace(user("Look."), images=(Image(data),)) for data in (b"a", b"b"))
    first = measure(one)
    assert measure(other).request != first.request
    assert measure(one).request == first.request


def test_what_was_not_used_lately_is_forgotten_so_that_memory_is_bounded():
    recent = Recent(size=10)
    assert not recent.use(0)
    for key in range(1, 100):
        recent.use(key)
        assert recent.use(0), "what is used is kept"
    assert recent.use(99)
    assert not recent.use(1)
    assert len(recent._young) + len(recent._old) <= 20
