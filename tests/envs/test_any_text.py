import pickle

import pytest
from agentkit_envs.text import AnyText
from hypothesis import given
from hypothesis import strategies as st


@given(st.text())
def test_every_text_is_inside(text):
    assert text in AnyText()


@pytest.mark.parametrize("thing", [None, 3, b"do", ["do"]])
def test_nothing_else_is_inside(thing):
    assert thing not in AnyText()


def test_the_same_seed_draws_the_same_texts():
    first, second, other = AnyText(seed=1), AnyText(seed=1), AnyText(seed=2)
    drawn = [first.sample() for _ in range(10)]
    assert drawn == [second.sample() for _ in range(10)]
    assert drawn != [other.sample() for _ in range(10)]


def test_examples_are_what_is_drawn():
    space = AnyText(["do", "sleep"], seed=0)
    assert {space.sample() for _ in range(50)} == {"do", "sleep"}


def test_a_mask_is_refused():
    with pytest.raises(ValueError, match="cannot be masked"):
        AnyText().sample(mask=[1])


def test_spaces_are_equal_when_their_examples_are():
    assert AnyText() == AnyText(seed=4)
    assert AnyText(["do"]) != AnyText()
    assert pickle.loads(pickle.dumps(AnyText(["do"]))) == AnyText(["do"])
