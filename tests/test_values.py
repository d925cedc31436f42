import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.values import json_copy, json_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_a_copy_is_equal_and_shares_nothing_that_can_change(value):
    copy = json_copy(value)
    assert copy == value
    if isinstance(value, (list, dict)) and value:
        assert copy is not value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {2}]}, r"value\.a\[1\] is a set, not a JSON value"),
        ({"a": {1: 2}}, r"value\.a has the key 1; keys are texts"),
        ([float("nan")], r"value\[0\] is nan, which JSON cannot say"),
        ({"n": 2**63}, r"value\.n is a number of more than 64 bits"),
        ((n for n in [1]), r"add '\| list'"),
    ],
)
def test_what_is_no_json_value_is_refused_with_its_place(value, message):
    with pytest.raises(TypeError, match=message):
        json_copy(value)


def test_texts_are_written_as_they_are_and_the_rest_as_json():
    assert json_text("é") == "é"
    assert json_text({"é": [True, None]}) == '{"é": [true, null]}'
