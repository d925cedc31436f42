"""WebShop as a Gymnasium environment of texts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, SupportsFloat

import gymnasium
from gymnasium.error import ResetNeeded

from agentkit.environments.estimates import Estimate
from agentkit_envs.text import AnyText
from agentkit_envs.webshop.arguments import check_arguments, check_options
from agentkit_envs.webshop.execution import Turn, canonical, legal_actions, take_turn
from agentkit_envs.webshop.goals.goal import NO_LIMIT, Goal
from agentkit_envs.webshop.goals.goal_list import split_of
from agentkit_envs.webshop.goals.nouns import get_nouns
from agentkit_envs.webshop.goals.shared_goals import shared_goals
from agentkit_envs.webshop.pages.html import html
from agentkit_envs.webshop.pages.original_text import rich_text, text
from agentkit_envs.webshop.pages.page import BACK_TO_SEARCH, BUY, DETAILS, NEXT, PREVIOUS, Page
from agentkit_envs.webshop.pages.prompt_text import describe
from agentkit_envs.webshop.pages.view import LastAction, View, view_of
from agentkit_envs.webshop.report import report
from agentkit_envs.webshop.visit import Visit

MODES: dict[str, Callable[[Page], str]] = {"text": text, "text_rich": rich_text, "html": html}
"""The original's observations; `prompt` is ours."""

_EXAMPLES = (
    "search[lamp]",
    *(f"click[{name}]" for name in (BACK_TO_SEARCH, PREVIOUS, NEXT, *DETAILS, BUY)),
)
_PRICE = re.compile(r"price lower than (\d[\d,]*(?:\.\d+)?) dollars")


class WebShopEnv(gymnasium.Env[str, str]):
    """WebShop: find the product that an instruction asks for, choose its options and buy it.

    ## Description
    A shop with a search page, pages of results, a page for each product with its options, and
    pages with its description, features and reviews. An instruction says what to buy. Buying
    something ends the episode, and the reward says how well it fits (Yao et al. 2022,
    https://arxiv.org/abs/2207.01206). Without `data` the shop sells generated products: results
    on them are not the benchmark's.

    ## Action Space
    Any text. `search[words]` searches, from every page. `click[text]` presses the button, opens
    the product or chooses the option value with this text, whatever its case. Anything else
    changes nothing. The `prompt` observation forgives case, white space, quotes and missing
    brackets ("click on 'Buy Now'"), and says why an action changed nothing; in the other modes an
    action is read exactly as the original does.

    ## Observation Space
    A text: the page, in the form that `observation_mode` names. `prompt` is made for language
    models, and `pages.prompt_reader.read` turns it back into a value. `text`, `text_rich` and
    `html` are the original's; the first two letter by letter, the third with markup of our own.

    ## Reward
    0, and for a purchase 0 to 1: see `reward.score_purchase`.

    ## Episode End
    `terminated`: something was bought. `truncated`: `max_steps` actions, understood or not.

    ## Information
    - `actions` (list of str): every click that does something on this page; on the search page,
      which has none, a search for the instruction's own words. Any other words can be searched.
      At the end of the episode there are none.
    - `understood` (bool): whether the last action did something; true after a reset.
    - `session` (int): the number of the goal, of all goals.
    - `goals` (str): who made the instructions: synthetic or human.
    - `split` (str): the part of the goals that seeds are counted in: test, validation, train, all.
    - `goal_count` (int): how many goals of this kind the catalogue has, in all splits.
    - `attributes_shown` (bool): whether products have a page with their attributes, a cheat.
    - `instruction` (str): what to buy, as the pages say it.
    - `catalogue` (str): where the products come from; its last word changes with any of them.
    - `generated` (bool): whether they are generated, so that results are not the benchmark's.
    - `page` (str): index, results, item, description, features, reviews, attributes or done.
    - `game_steps` (int): actions that did something.
    - `purchase` (dict or None): `asin`, `title`, `price` in USD and `options` of what was bought.
    - `score` (dict or None): the purchase's reward and its parts, as `goals.reward.Score` has them.

    ## Arguments
    - `data` (None): a folder with WebShop's files; None for the generated catalogue.
    - `observation_mode` ("prompt"): or "text", "text_rich", "html".
    - `goals` ("synthetic"): or "human".
    - `split` ("all"): or "test", "validation", "train".
    - `max_steps` (15): actions in an episode; None for no limit.
    - `products` (None): how many products to generate, or to take from the data.
    - `catalogue_seed` (0): of generated products, and of prices and price limits.
    - `nouns` ("rules"): which tagger the reward uses; see `nouns.get_nouns`.
    - `show_attributes` (False): whether products have a page with their attributes, a cheat.
    - `cache` (None): where prepared catalogues are kept; None for the user's cache folder.
    - `render_mode` (None): `"ansi"` makes `render()` return the page as a prompt observation.

    ## Seeds
    `reset(seed=s)` takes goal number s of the split, counted round: seeds 0 to 499 of the split
    "test" are its 500 goals. A later `reset()` takes the next goal; a first one without a seed
    takes any. `reset(options={"session": i})` takes goal i of all goals, whatever the split.
    `{"instruction": text}`, with a session or without one, shows another instruction for the goal,
    and takes the price limit from it: the last one that it names in the words "price lower than
    50.00 dollars", and none if it names none so. The same goal and actions give the same episode.

    ## Version
    - v1: WebShop's rules of 2022.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012
    resumable = True
    """The same seed and actions rebuild an episode."""

    def __init__(
        self,
        data: str | Path | None = None,
        observation_mode: str = "prompt",
        goals: str = "synthetic",
        split: str = "all",
        max_steps: int | None = 15,
        products: int | None = None,
        catalogue_seed: int = 0,
        nouns: str = "rules",
        show_attributes: bool = False,
        cache: str | Path | None = None,
        render_mode: str | None = None,
    ) -> None:
        check_arguments(
            data=data,
            observation_mode=observation_mode,
            goals=goals,
            split=split,
            max_steps=max_steps,
            products=products,
            catalogue_seed=catalogue_seed,
            nouns=nouns,
            show_attributes=show_attributes,
            cache=cache,
            render_mode=render_mode,
        )
        self.observation_mode = observation_mode
        self.max_steps = max_steps
        self.render_mode = render_mode
        self.action_space = AnyText(_EXAMPLES)
        self.observation_space = AnyText()
        self._nouns = get_nouns(nouns)
        self._show_attributes = show_attributes
        self.catalogue, self.goals = shared_goals(
            data, products=products, seed=catalogue_seed, kind=goals, cache=cache
        )
        self._split_name = split
        self._split = split_of(split, len(self.goals))
        self._place: int | None = None
        self._visit: Visit | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode: goal `seed` of the split, or without a seed the next one."""
        super().reset(seed=seed)
        given = check_options(options, len(self.goals))
        if given.session is None:
            self._place = self._next_place(seed)
            self._session = self._split[self._place]
        else:
            self._session = given.session
        goal = self.goals[self._session]
        if given.instruction is not None:
            goal = _reworded(goal, given.instruction)
        self._visit = Visit(
            self.catalogue, goal, nouns=self._nouns, show_attributes=self._show_attributes
        )
        self._decisions = self._game_steps = 0
        self._last: LastAction | None = None
        return self._observation(self._visit), self._info(self._visit, understood=True)

    def step(self, action: str) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]]:
        """Carry out an action text and show the page that it leads to."""
        visit = self._started()
        if not isinstance(action, str):
            raise TypeError(f"an action is a text such as 'search[red shoes]', not {action!r}")
        if self._ended(visit):
            raise ResetNeeded("the episode is over: call reset() to start the next one")
        turn: Turn = take_turn(visit, action, exact=self.observation_mode != "prompt")
        self._last = turn.last
        self._decisions += 1
        self._game_steps += turn.understood
        reward = visit.score.reward if visit.score else 0.0
        truncated = visit.score is None and self._ended(visit)
        info = self._info(visit, understood=turn.understood)
        return self._observation(visit), reward, visit.score is not None, truncated, info

    def parse_action(self, text: str) -> str:
        """Return the one spelling of the action that a text says on this page.

        Raises:
            ValueError: It says none that does something here; with the reason.
        """
        return canonical(self._started(), text, exact=self.observation_mode != "prompt")

    def render(self) -> str | None:
        """The page as a prompt observation, with `render_mode="ansi"`; else None."""
        self._started()
        return describe(self.view) if self.render_mode == "ansi" else None

    @staticmethod
    def report(infos: Sequence[Mapping[str, Any]]) -> dict[str, str | Estimate]:
        """Score, success rate and their parts, from the last `info` of each episode."""
        return report(infos)

    @property
    def visit(self) -> Visit:
        """The shop behind the words, for researchers; an agent must not look at it."""
        return self._started()

    @property
    def view(self) -> View:
        """What a prompt observation says now, as a value."""
        return view_of(self._started().page, self._last, self._steps_left())

    def _next_place(self, seed: int | None) -> int:
        if seed is not None:
            return seed % len(self._split)
        if self._place is None:
            return int(self.np_random.integers(len(self._split)))
        return (self._place + 1) % len(self._split)

    def _started(self) -> Visit:
        if self._visit is None:
            raise ResetNeeded("call reset() before anything else")
        return self._visit

    def _ended(self, visit: Visit) -> bool:
        return visit.score is not None or self._steps_left() == 0

    def _steps_left(self) -> int | None:
        return None if self.max_steps is None else self.max_steps - self._decisions

    def _observation(self, visit: Visit) -> str:
        if self.observation_mode == "prompt":
            return describe(self.view)
        return MODES[self.observation_mode](visit.page)

    def _legal_actions(self, page: Page) -> list[str]:
        return legal_actions(page, exact=self.observation_mode != "prompt")

    def _info(self, visit: Visit, *, understood: bool) -> dict[str, Any]:
        page, score = visit.page, visit.score
        info: dict[str, Any] = {
            "actions": [] if self._ended(visit) else self._legal_actions(page),
            "understood": understood,
            "session": self._session,
            "goals": self.goals.kind,
            "split": self._split_name,
            "goal_count": len(self.goals),
            "attributes_shown": self._show_attributes,
            "instruction": visit.instruction,
            "catalogue": self.catalogue.name,
            "generated": self.catalogue.generated,
            "page": page.kind,
            "game_steps": self._game_steps,
            "purchase": None,
            "score": None,
        }
        if score is not None and page.product is not None:
            info["score"] = asdict(score)
            info["purchase"] = {
                "asin": page.product.asin,
                "title": page.product.title,
                "price": self.catalogue.price(page.product.asin),
                "options": visit.chosen,
            }
        return info


def _reworded(goal: Goal, instruction: str) -> Goal:
    """The goal in other words, and scored by the limit that these name."""
    named = _PRICE.findall(instruction)
    limit = float(named[-1].replace(",", "")) if named else NO_LIMIT
    return replace(goal, instruction=instruction, price_upper=limit)
