"""How long filling in a prompt takes, beside Jinja's own sandbox, which bounds nothing.

    python tests/bench/render.py [--rounds 41]

Both fill in the same template with the same values and must write the same text. They take turns
in one process; a round is about 10 ms of each. Processor time; the ratio is the median over the
rounds, with the 95% interval of that median (order statistics).
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from rich.console import Console
from rich.table import Table

from agentkit.templates.template import compile_template

ROWS = [{"name": f"row {n}", "kind": ("tree", "stone", "iron")[n % 3], "n": n} for n in range(300)]
STATE = {
    "goal": "Collect a diamond",
    "observation": "You see a tree to the north.\nHealth: 9\n" * 20,
    "plan": "Collect wood, then place a table.",
    "step": 17,
    "memory": {"facts": ["trees give wood", "stone needs a pickaxe"], "subgoal": None},
    "rows": ROWS,
}
TEMPLATES = {
    "5 names": "Goal: {{ goal }}\n\nObservation:\n{{ observation }}\n\nPlan: {{ plan }}\n"
    "Step {{ step }}\n{{ memory.facts[0] }}\n\nAnswer with one action.",
    "conditionals": "{% if memory.subgoal is none %}Choose a subgoal.{% else %}Subgoal: "
    "{{ memory.subgoal }}{% endif %}\n{% if step > 10 and 'tree' in observation %}Hurry: "
    "{{ step }} steps.{% elif plan %}{{ plan }}{% endif %}\n{{ goal if goal else 'none' }}\n"
    "{{ memory.hint | default('no hint') }}",
    "300 rows": "{% for row in rows %}{{ row.n }}: {{ row.name }}\n{% endfor %}",
    "300 rows, a filter": "{% for row in rows %}{{ row.n }}: {{ row.name | upper }}\n{% endfor %}",
    "300 rows, all": "{% for row in rows if row.n % 2 == 0 %}{{ loop.index }}. "
    "{{ row.name | title }}{% if row.kind == 'iron' %} ({{ row.kind | upper }}){% endif %}"
    "{{ ' *' if row.n > 100 }}\n{% endfor %}",
    "filters of lists": "{{ rows | map(attribute='name') | join(', ') }}\n"
    "{{ rows | selectattr('kind', 'eq', 'iron') | map(attribute='n') | sum }}\n"
    "{{ (rows | sort(attribute='name', reverse=true) | first).name }}\n{{ rows | length }}",
}
ROUND_S = 0.01


def seconds(render: Callable[[], str], times: int) -> float:
    """Seconds of the processor that one render takes, the mean of some."""
    started = time.process_time()
    for _ in range(times):
        render()
    return (time.process_time() - started) / times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=41, help="rounds of each template")
    rounds = parser.parse_args().rounds
    sandbox = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    table = Table("template", "ours, us", "Jinja, us", "ratio", "95% interval", "n")
    for label, source in TEMPLATES.items():
        ours, peer = compile_template(source), sandbox.from_string(source)
        renders: list[Callable[[], Any]] = [partial(one.render, STATE) for one in (ours, peer)]
        if renders[0]() != renders[1]():
            raise SystemExit(f"{label}: the two write different texts")
        times = [max(1, int(ROUND_S / seconds(render, 5))) for render in renders]
        pairs = [
            tuple(seconds(render, count) for render, count in zip(renders, times, strict=True))
            for _ in range(rounds)
        ]
        ratios = sorted(own / other for own, other in pairs)
        away = int(0.98 * rounds**0.5)  # 1.96 times half the root of n: normal approximation
        low, high = ratios[rounds // 2 - away], ratios[rounds // 2 + away]
        micros = [f"{median(column) * 1e6:.1f}" for column in zip(*pairs, strict=True)]
        table.add_row(
            label, *micros, f"{median(ratios):.2f}", f"{low:.2f} to {high:.2f}", str(rounds)
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
