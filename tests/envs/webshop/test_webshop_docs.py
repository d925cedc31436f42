"""The page about WebShop says what is true."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import yaml
from agentkit_envs.webshop.env import MODES, WebShopEnv
from agentkit_envs.webshop.goals.goal_list import SPLITS
from agentkit_envs.webshop.goals.reward import Score
from agentkit_envs.webshop.goals.text_matching import THRESHOLD, colours
from envs.doc_tables import rows

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "webshop.md").read_text(encoding="utf-8")


def named(heading: str, table: int = 0) -> list[str]:
    return [
        name for first, *_ in rows(PAGE, heading, table) for name in re.findall(r"`([^`]+)`", first)
    ]


def test_the_tables_of_modes_pages_and_splits_are_complete():
    assert named("What is seen") == ["prompt", *MODES]
    kinds = inspect.getdoc(WebShopEnv).split("`page` (str): ")[1].split(".")[0]
    assert named("What can be done", 1) == re.split(r", | or ", kinds)
    for split in SPLITS:
        assert f"`{split}`" in PAGE.split("## Goals and splits\n")[1].split("\n## ")[0]


def test_the_table_of_info_keys_is_complete():
    _, info = WebShopEnv().reset(seed=0)
    assert named("Reward, end and info") == list(info)


def test_the_table_of_the_scores_parts_is_complete():
    assert named("How it is scored") == [field.name for field in fields(Score)]


def test_the_numbers_of_the_rules_are_those_of_the_code():
    section = PAGE.split("## How it is scored\n")[1].split("\n## ")[0]
    assert f"above {THRESHOLD}" in section
    assert f"{len(colours())} colour words" in section


def test_the_generated_catalogue_is_as_large_as_the_page_says():
    env = WebShopEnv()
    products = [env.catalogue[position] for position in range(len(env.catalogue))]
    section = PAGE.split("## The generated catalogue\n")[1].split("\n## ")[0]
    kinds = len({product.query for product in products})
    assert f"{len(products):,} products of {kinds} kinds in five categories" in section
    assert f"about {round(len(env.goals), -2):,} goals" in section
    for category in {product.category for product in products}:
        assert category in section


def test_the_table_of_the_agents_prompts_is_complete():
    agent = yaml.safe_load((ROOT / "agents" / "webshop.yaml").read_text("utf-8"))
    prompts = [name for name, node in agent["nodes"].items() if "prompt" in node]
    assert named("The agent and the expert") == prompts


def test_the_table_of_arguments_has_the_defaults():
    parameters = list(inspect.signature(WebShopEnv).parameters.values())
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(PAGE, "Arguments")}
    assert told == {p.name: str(p.default) for p in parameters}
