"""The tables of a page of the documentation, for tests that hold them against the code."""

import re


def rows(page: str, heading: str, table: int = 0) -> list[list[str]]:
    """The cells of a table under a heading of a page, without the table's head."""
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    lines = tables[table].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
