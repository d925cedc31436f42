"""`python -m agentkit_envs.miniwob` prints the tasks, and the groups that each is in."""

import sys

from agentkit_envs.miniwob.tasks import ALL, groups


def main() -> None:
    """A line of each group with its size, then one of each task with its groups."""
    known = groups()
    width = max(map(len, known[ALL]))
    lines = [f"{f'group {name}':<{width}}  {len(tasks)} tasks" for name, tasks in known.items()]
    for task in known[ALL]:
        within = [name for name, tasks in known.items() if name != ALL and task in tasks]
        lines.append(f"{task:<{width}}  {', '.join(within)}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
