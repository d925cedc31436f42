"""Random graphs for tests of properties."""

from hypothesis import strategies as st

from agentkit import Node


@st.composite
def dags(draw):
    count = draw(st.integers(1, 12))
    order = draw(st.permutations(range(count)))
    nodes = []
    for position, number in enumerate(order):
        earlier = [f"n{n}" for n in order[:position]]
        needs = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=4)) if earlier else []
        nodes.append(Node(f"n{number}", "?" + "".join(f"{{{{ {n} }}}}" for n in needs)))
    return draw(st.permutations(nodes))
