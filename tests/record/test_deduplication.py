import orjson
from hypothesis import given
from hypothesis import strategies as st

from agentkit.record.deduplication import Deduplicator, Restorer

LARGE = st.sampled_from(["x" * 300, ["y" * 150, "z" * 150], {"map": "w" * 400}])
SMALL = st.sampled_from(["a", 3, None, True, [1], {"$id": 3}, {"$same": 0}, {"$value": "v"}])


@given(st.lists(LARGE | SMALL | st.text(min_size=200, max_size=210), max_size=120))
def test_what_was_shared_reads_back_as_it_was(values):
    sharer, restorer = Deduplicator(), Restorer()
    lines = [orjson.dumps(sharer.share(value)) for value in values]
    assert [restorer.restore(orjson.loads(line)) for line in lines] == values


def test_a_large_value_is_written_once_and_small_ones_as_they_are():
    sharer = Deduplicator()
    sizes = [len(orjson.dumps(sharer.share({"map": "w" * 4000}))) for _ in range(3)]
    assert sizes[0] > 4000
    assert sizes[1] == sizes[2] < 20
    assert orjson.dumps(sharer.share({"a": 1})) == b'{"a":1}'
    assert sharer.share("short") == "short"
