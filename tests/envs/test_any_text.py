import pickle
from copy import deepcopy

import gymnasium
import pytest
from agentkit_envs.text import SHARED_BYTES, AnyText
from gymnasium.spaces import Dict, Discrete
from gymnasium.spaces.utils import flatten, flatten_space, unflatten
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.vector.utils import (
    create_empty_array,
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)
from gymnasium.wrappers import DelayObservation, FlattenObservation, FrameStackObservation
from gymnasium.wrappers.utils import create_zero_array
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


class Echo(gymnasium.Env[str, str]):
    """Says what it was told, in the script of its answer."""

    action_space = AnyText(["do", "sleep"])
    observation_space = AnyText()

    def __init__(self, start: str = "начало") -> None:
        self.start = start

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.start, {}

    def step(self, action):
        return f"{action} 好", 0.0, action == "end", False, {}


def test_nothing_is_an_empty_text():
    assert create_zero_array(AnyText()) == ""
    assert create_empty_array(AnyText(), n=3) == ("", "", "")


@given(st.text())
def test_a_text_is_flat_already(text):
    space = Dict(at=Discrete(2), said=AnyText())
    value = {"at": 1, "said": text}
    assert flatten(space, value)["said"] == text
    assert unflatten(space, flatten(space, value)) == value
    assert flatten(AnyText(), text) in flatten_space(AnyText())


@given(st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=3))
def test_shared_memory_brings_back_every_text_as_it_is_now(texts):
    space = AnyText()
    memory = create_shared_memory(space, n=len(texts))
    read = read_from_shared_memory(space, memory, n=len(texts))
    assert [*read] == [""] * len(texts)
    for index, text in enumerate(texts):
        write_to_shared_memory(space, index, text, memory)
    assert deepcopy(read) == tuple(texts) == read[:]
    assert len(read) == len(texts)
    write_to_shared_memory(space, 0, "", memory)
    assert read[0] == ""


def test_a_text_that_does_not_fit_into_shared_memory_is_refused():
    memory = create_shared_memory(AnyText(), n=2)
    write_to_shared_memory(AnyText(), 0, "x" * SHARED_BYTES, memory)
    with pytest.raises(ValueError, match="make the vector with shared_memory=False"):
        write_to_shared_memory(AnyText(), 0, "好" * SHARED_BYTES, memory)
    assert read_from_shared_memory(AnyText(), memory, n=2)[1] == ""


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("kind", ["sync", "async", "async without"])
def test_vectors_of_environments_of_texts_work(kind, copy):
    makers = [Echo, Echo]
    if kind == "sync":
        vector = SyncVectorEnv(makers, copy=copy)
    else:
        vector = AsyncVectorEnv(makers, shared_memory=kind == "async", copy=copy)
    try:
        observations, _ = vector.reset(seed=0)
        assert [*observations] == ["начало", "начало"]
        observations, _, ends, *_ = vector.step(("do", "end"))
        assert [*observations] == ["do 好", "end 好"]
        assert ends.tolist() == [False, True]
        if copy:
            assert observations in vector.observation_space
    finally:
        vector.close()


def test_wrappers_that_need_a_zero_or_a_flat_text_work():
    stacked, _ = FrameStackObservation(Echo(), 3, padding_type="zero").reset(seed=0)
    assert [*stacked] == ["", "", "начало"]
    delayed = DelayObservation(Echo(), 1)
    assert delayed.reset(seed=0)[0] == ""
    assert delayed.step("do")[0] == "начало"
    assert FlattenObservation(Echo()).reset(seed=0)[0] == "начало"
