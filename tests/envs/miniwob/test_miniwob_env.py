"""The tasks of MiniWoB++ in the real browser: seeds, clock, captions, rewards, ends."""

import asyncio
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.miniwob.env import MiniWoBEnv
from agentkit_envs.miniwob.tasks import groups
from envs.browser_pages import needs_chromium

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def envs():
    """Environments by task; a page is used again for the same one, and closed in the end."""
    made = {}

    def env(task, **arguments):
        key = (task, *arguments.items())
        if key not in made:
            made[key] = MiniWoBEnv(task, **arguments)
        return made[key]

    yield env
    for one in made.values():
        one.close()


def ref(env, name, role=None):
    """The reference of the first element whose name begins so."""
    return next(
        e.ref
        for e in env.view.elements
        if e.name.startswith(name) and (role is None or e.role == role) and e.ref
    )


def names(env):
    return [element.name for element in env.view.elements]


def click(env, name):
    return env.step(f"click('{ref(env, name)}')")


def walk(tasks):
    """What is wrong with tasks that are begun and get one action each."""
    env = MiniWoBEnv(tasks, max_steps=2)
    try:
        return [
            f"{env.tasks[seed]}: {text}" for seed in range(len(tasks)) for text in wrong(env, seed)
        ]
    finally:
        env.close()


def wrong(env, seed):
    observation, info = env.reset(seed=seed)
    if info["task"] != env.tasks[seed] or not info["goal"]:
        yield f"began as {info['task']} with the goal {info['goal']!r}"
    if not env.view.elements or read(observation).goal != info["goal"]:
        yield "has an observation without a page or a goal"
    if "agentkit" in observation or "127.0.0.1" in observation:
        yield "tells of our own doing"
    # The first link of the flights is out of the window: it would cost the time of an action.
    action = "noop(100)" if info["task"].startswith("flight.") else info["actions"][0]
    *_, terminated, truncated, after = env.step(action)
    if not after["understood"] or after["left"] or truncated:
        yield f"answers {action} with {after['error']!r}"
    if terminated != (after["score"] is not None):
        yield "has an end without a score"


@pytest.mark.slow
def test_every_task_begins_and_takes_an_action():
    tasks = groups()["all"]
    with ThreadPoolExecutor(2) as pool:
        found = [line for part in pool.map(walk, (tasks[::2], tasks[1::2])) for line in part]
    assert found == []


def played(env, seed, action):
    """All that is told in two steps of an action, or of the first ones that are listed."""
    observation, info = env.reset(seed=seed)
    told = [(observation, info)]
    for number in range(2):
        *step, info = env.step(action or info["actions"][number % len(info["actions"])])
        told.append((*step, info))
        if step[2] or step[3]:
            break
    return told


@pytest.mark.parametrize(
    ("task", "action"),
    [
        *(("tic-tac-toe", ""), ("choose-date", ""), ("terminal", ""), ("drag-items", "")),
        *(("click-pie", "mouse_click(80, 130)"), ("stock-market", "noop(300)")),
        ("chase-circle", "mouse_move(80, 130)"),
    ],
)
def test_the_same_seed_and_actions_tell_the_same_on_a_used_page_and_on_a_new_one(
    envs, task, action
):
    used = envs("click-test")
    used.reset(seed=1)
    used.tasks = (task,)
    first = played(used, 5, action)
    fresh = MiniWoBEnv(task, action_timeout_s=5.5)  # other settings: no page to use again
    try:
        assert played(fresh, 5, action) == first
        assert played(fresh, 6, action) != first
    finally:
        fresh.close()
        used.tasks = ("click-test",)


COVERED = """if True:
    from agentkit_envs.miniwob.env import MiniWoBEnv

    # For each event, a half hour whose middle is under it.
    UNDER = '''() => {
        const box = (one) => one.getBoundingClientRect();
        const middle = (one) => (box(one).top + box(one).bottom) / 2;
        const under = (one, event) =>
            box(event).top < middle(one) && middle(one) < box(event).bottom;
        const halves = [...document.querySelectorAll(".half-hour")];
        return Object.fromEntries([...document.querySelectorAll(".event")].map((event) =>
            [event.textContent, halves.find((one) => under(one, event)).id]));
    }'''
    SCROLLED = "() => document.querySelector('#area').scrollTop"

    def played():
        env, told = MiniWoBEnv("daily-calendar"), []
        env.reset(seed=7)

        def ref(name):
            return next(e.ref for e in env.view.elements if e.name.startswith(f"{name} "))

        env.client.evaluate("() => { document.querySelector('#area').scrollTop = 500; }")
        env.step("noop(0)")
        for event, name in env.client.evaluate(UNDER).items():
            seen, before = env.view.elements, env.client.evaluate(SCROLLED)
            observation, *_, info = env.step(f"click('{ref(name)}')")
            left = seen == env.view.elements and before == env.client.evaluate(SCROLLED) > 0
            told.append((event, info["error"], left, observation))
        env.close()
        return told
"""


@pytest.mark.slow
def test_an_action_on_what_is_covered_leaves_the_page_as_it_was_in_every_process():
    """Where the page was scrolled to depended on how often it was tried in a second."""
    names = {}
    exec(COVERED, names)  # as the other process does
    first = names["played"]()
    assert len(first) == 3  # above, in and below what is in view
    for event, error, left, observation in first:
        assert f'is covered by div "{event}"' in error
        assert error in observation
        assert left
    assert names["played"]() == first
    program = f"{COVERED}\n    print(played())"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.stderr) == (str(first), "")


def test_seeds_go_round_the_tasks_and_then_to_the_next_variant():
    env = MiniWoBEnv("click-button, click-test-2, enter-text")
    try:
        begun = [env.reset(seed=seed)[1] for seed in (0, 1, 3, 4)]
        assert [(info["task"], info["task_seed"]) for info in begun] == [
            *(("click-button", 0), ("click-test-2", 0)),
            *(("click-button", 1), ("click-test-2", 1)),
        ]
        assert begun[0]["goal"] != begun[2]["goal"]
        after = env.reset()[1]
        assert (after["task"], after["task_seed"]) == ("enter-text", 1)
    finally:
        env.close()


def test_the_page_decides_what_is_won_and_lost(envs):
    env = envs("click-test-2")
    env.reset(seed=0)
    _, reward, terminated, truncated, info = click(env, "ONE")
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert (info["score"], info["success"], info["actions"]) == (1.0, True, [])
    env.reset(seed=0)
    _, reward, terminated, _, info = click(env, "TWO")
    assert (reward, terminated) == (-1.0, True)
    assert (info["score"], info["success"], info["left"]) == (-1.0, False, False)


def test_a_reward_is_not_less_because_time_has_passed(envs):
    env = envs("click-test")
    env.reset(seed=0)
    *_, info = env.step("noop(60000)")
    assert info["score"] is None
    assert click(env, "Click")[1] == 1.0


def test_a_part_of_the_reward_is_given_for_a_part_of_the_task(envs):
    env = envs("click-checkboxes-large")
    _, info = env.reset(seed=0)
    wanted = info["goal"].removeprefix("Select ").split(" and click")[0].split(", ")
    for name in wanted[1:]:
        env.step(f"check('{ref(env, name, 'checkbox')}')")
    _, reward, _, _, info = click(env, "Submit")
    assert 0 < reward < 1
    assert info["success"]


def test_giving_up_ends_the_task_without_a_reward(envs):
    env = envs("click-test")
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("report_infeasible('no rule')")
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert (info["infeasible"], info["score"], info["success"]) == ("no rule", None, False)


def test_a_page_that_is_left_ends_the_task_and_the_next_one_begins_all_the_same(envs):
    env = envs("click-test")
    env.reset(seed=0)
    env.client.evaluate("() => { location.reload(); }")
    _, reward, terminated, _, info = env.step("noop(100)")
    if not terminated:  # it was still there
        _, reward, terminated, _, info = env.step("noop(100)")
    assert (reward, terminated, info["left"], info["score"]) == (0.0, True, True, None)
    env.reset(seed=0)
    assert click(env, "Click")[1] == 1.0


def test_the_steps_are_limited(envs):
    env = envs("enter-text", max_steps=2)
    env.reset(seed=0)
    assert env.step("dance")[2:4] == (False, False)
    *_, terminated, truncated, info = env.step("noop(0)")
    assert (terminated, truncated) == (False, True)
    assert (info["decisions"], info["game_steps"], info["failed"]) == (2, 1, 1)


def test_the_clock_of_a_page_stands_still_but_for_its_steps(envs):
    env = envs("stock-market")
    now = "() => [Date.now(), performance.now()]"
    env.reset(seed=0)
    begun = env.client.evaluate(now)
    assert env.client.evaluate(now) == begun
    prices = {tuple(names(env))}
    for _ in range(6):
        env.step("noop(100)")
        prices.add(tuple(names(env)))
    assert env.client.evaluate(now) == [moment + 600 for moment in begun]
    assert len(prices) > 4


def test_an_action_takes_half_a_second_of_the_clock_and_one_that_is_not_understood_none(envs):
    env = envs("click-test-2")
    env.reset(seed=0)
    begun = env.client.evaluate("() => Date.now()")
    env.step("dance")
    assert env.client.evaluate("() => Date.now()") == begun
    env.step(f"hover('{ref(env, 'ONE')}')")
    assert env.client.evaluate("() => Date.now()") == begun + 500


def test_a_wait_has_an_end(envs):
    env = envs("stock-market")
    env.reset(seed=0)
    begun = env.client.evaluate("() => Date.now()")
    *_, info = env.step("noop(999999999)")
    assert env.client.evaluate("() => Date.now()") == begun + 60_000
    assert "60,000 ms" in info["error"]


def test_what_a_page_does_after_a_while_is_there_with_the_next_look(envs):
    env = envs("use-autocomplete")
    env.reset(seed=0)
    env.step(f"focus('{ref(env, '', 'textbox')}')")
    env.step("keyboard_type('A')")
    assert sum(element.role in ("option", "menuitem", "listitem") for element in env.view.elements)


def test_timers_run_in_order_and_intervals_until_they_are_cleared(envs):
    env = envs("click-test")
    env.reset(seed=0)
    env.client.evaluate(
        """() => {
            window.told = [];
            const say = (word) => () => told.push([word, performance.now() % 1000]);
            const base = performance.now();
            window.from = () => told.map(([word, at]) => [word, Math.round(at - base % 1000)]);
            setTimeout(say('late'), 30);
            setTimeout(say('early'), 10);
            setTimeout((word) => told.push([word, performance.now() % 1000]), 20, 'given');
            const every = setInterval(() => {
                say('every')();
                if (told.length > 4) clearInterval(every);
            }, 12);
            clearTimeout(setTimeout(say('never'), 5));
            Promise.resolve().then(say('first'));
        }"""
    )
    env.step("noop(200)")
    assert env.client.evaluate("() => window.from()") == [
        *(["first", 0], ["early", 10], ["every", 12], ["given", 20]),
        *(["every", 24], ["late", 30]),
    ]


def test_an_error_in_a_timer_does_not_keep_the_others(envs):
    env = envs("click-test")
    env.reset(seed=0)
    env.client.evaluate(
        "() => { setTimeout(() => { throw new Error('no'); }, 1);"
        "setTimeout(() => { told = 1 }, 2); }"
    )
    env.step("noop(10)")
    assert env.client.evaluate("() => told") == 1


def test_the_day_is_the_same_in_every_episode(envs):
    env = envs("terminal")
    env.reset(seed=0)
    assert any("Thu Jan 01 2026" in name for name in names(env))


def place(env, selector):
    """Size and middle of an element, as they are told; fonts and versions move it."""
    return env.client.evaluate(
        f"""() => {{
            const box = document.querySelector('{selector}').getBoundingClientRect();
            const middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
            return `${{Math.round(box.width)}} x ${{Math.round(box.height)}} at `
                + `(${{middle.map(Math.round).join(', ')}})`;
        }}"""
    )


def test_what_has_no_words_is_named_by_its_markup(envs):
    env = envs("click-color")
    env.reset(seed=3)
    colour = env.client.evaluate("() => document.querySelector('#area .color').dataset.color")
    assert names(env)[0] == f"color, {colour}, {place(env, '#area .color')}"
    env = envs("tic-tac-toe")
    env.reset(seed=3)
    assert f"ttt-8 mark-o, {place(env, '#ttt-8')}" in names(env)
    click(env, "ttt-4")
    assert any(name.startswith("ttt-4 mark-x") for name in names(env))


def test_the_number_of_a_card_that_lies_face_down_is_not_told(envs):
    """It is there in letters without a size; turned over, it is told."""
    env = envs("find-greatest")
    observation, _ = env.reset(seed=0)
    cards = [element for element in env.view.elements if element.name.startswith("card hidden, ")]
    assert len(cards) == 3
    assert not re.search(r'e\d+ \w+ "\d', observation)
    numbers = []
    for _ in cards:
        card = [e for e in env.view.elements if e.ref and e.role == "generic"][len(numbers)]
        env.step(f"click('{card.ref}')")
        numbers.append([int(name) for name in names(env) if name.isdigit()])
    assert [len(seen) for seen in numbers] == [1, 1, 1]
    assert sum(name.startswith("card hidden, ") for name in names(env)) == 2


def test_drawings_say_what_they_show_and_where(envs):
    env = envs("bisect-angle")
    env.reset(seed=3)
    told = names(env)
    assert f"circle, init-blue, blue, {place(env, '.init-blue')}" in told
    ends = env.client.evaluate(
        """() => {
            const [line] = document.querySelectorAll('#area line');
            const moved = (x, y) => {
                const point = new DOMPoint(line[x].baseVal.value, line[y].baseVal.value);
                const shown = point.matrixTransform(line.getScreenCTM());
                return `(${Math.round(shown.x)}, ${Math.round(shown.y)})`;
            };
            return `from ${moved('x1', 'y1')} to ${moved('x2', 'y2')}`;
        }"""
    )
    assert f"line, black, {ends}" in told


def test_icons_inside_a_clickable_line_are_buttons_of_their_own(envs):
    env = envs("email-inbox-delete")
    _, info = env.reset(seed=0)
    sender = info["goal"].removeprefix("Find the email by ").split(" and click")[0]
    elements = list(env.view.elements)
    at = next(i for i, element in enumerate(elements) if element.name == sender)
    trash = next(e for e in elements[at:] if e.name == "trash")
    assert trash.role == "button"
    assert env.step(f"click('{trash.ref}')")[1] == 1.0


def test_icons_are_there_at_the_first_look_of_a_browser_that_has_not_loaded_them_yet():
    """They are pictures of a style, and had no width and so no reference until they had come."""
    env = MiniWoBEnv("social-media", action_timeout_s=8.5)
    env.reset(seed=0)
    icons = [e.ref for e in env.view.elements if e.name in ("reply", "retweet", "like", "more")]
    assert len(icons) > 4
    assert all(icons)
    env.close()


def test_words_that_can_be_pressed_are_lines_of_their_own(envs):
    env = envs("click-link")
    _, info = env.reset(seed=3)
    assert info["goal"] == 'Click on the link "blandit".'
    assert click(env, "blandit")[1] == 1.0


def test_a_picture_in_the_goal_is_said_in_words(envs):
    env = envs("click-menu-2")
    goals = [env.reset(seed=seed)[1]["goal"] for seed in range(4)]
    assert any(goal.endswith("the item with the [zoomin] icon.") for goal in goals)


def test_the_parts_of_a_goal_are_told_where_the_page_has_them(envs):
    _, info = envs("email-inbox-forward-nl").reset(seed=3)
    assert info["fields"] == {"by": "Lissie", "to": "Amargo"}
    assert envs("click-test").reset(seed=0)[1]["fields"] is None
    _, info = envs("flight.AA").reset(seed=3)
    assert info["goal"].startswith("Search for a flight. Departure City: ")
    assert info["fields"]["Departure City"] in info["goal"]


def test_letters_of_all_languages_are_what_they_are(envs):
    goals = [envs("unicode-test").reset(seed=seed)[1]["goal"] for seed in range(5)]
    assert 'Click on the "确定" button.' in goals


def test_the_goal_is_said_once_and_the_rewards_of_the_page_never(envs):
    observation, info = envs("click-button").reset(seed=0)
    assert observation.count(info["goal"].split('"')[0]) == 1
    assert "Last reward" not in observation
    assert "START" not in observation


def test_the_page_is_shown_after_the_end_too(envs):
    env = envs("click-test")
    env.reset(seed=0)
    click(env, "Click")
    assert "Click Me!" in names(env)


@pytest.mark.parametrize("action", ["goto('/x')", "new_tab()", "send_msg_to_user('x')"])
def test_a_task_is_one_page_and_nobody_reads_on(envs, action):
    env = envs("click-test")
    env.reset(seed=0)
    _, _, terminated, _, info = env.step(action)
    assert (terminated, info["understood"]) == (False, False)
    assert "is no action here" in info["error"]
    assert action.partition("(")[0] not in info["grammar"]


def test_an_episode_finds_nothing_of_the_one_before(envs):
    env = envs("click-test")
    env.reset(seed=0)
    env.client.evaluate(
        "() => { localStorage.a = 1; sessionStorage.b = 2; document.cookie = 'c=3; path=/'; }"
    )
    env.reset(seed=1)
    left = "() => [localStorage.length, sessionStorage.length, document.cookie]"
    assert env.client.evaluate(left) == [0, 0, ""]


def test_no_task_scrolls_its_window(envs):
    size = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    for task, window in (("click-pie", [500, 420]), ("flight.AA", [600, 700])):
        env = envs(task)
        env.reset(seed=0)
        assert env.client.evaluate(size) == window


def test_a_page_is_used_again_by_the_next_environment_unless_a_key_is_held():
    first = MiniWoBEnv("click-test", action_timeout_s=6.5)
    first.reset(seed=0)
    page = first.client
    first.close()
    second = MiniWoBEnv("click-test-2", action_timeout_s=6.5)
    second.reset(seed=0)
    assert second.client is page
    second.step("keyboard_down('Shift')")
    second.close()
    third = MiniWoBEnv("click-test", action_timeout_s=6.5)
    third.reset(seed=0)
    assert third.client is not page
    third.close()


def test_a_browser_that_died_is_replaced_and_the_next_task_begins():
    env = MiniWoBEnv("click-test", action_timeout_s=7.5)
    env.reset(seed=0)
    env.client.call(lambda session: session.page.context.close())
    *_, terminated, _, info = env.step("noop()")
    assert (terminated, info["left"]) == (True, True)
    env.reset(seed=1)
    assert click(env, "Click")[1] == 1.0
    env.close()


def test_a_process_that_is_forked_off_has_a_browser_of_its_own():
    program = """if True:
        import os
        from agentkit_envs.miniwob.env import MiniWoBEnv

        def play():
            env = MiniWoBEnv("click-test")
            env.reset(seed=0)
            reward = env.step("click('e2')")[1]
            env.close()
            return reward

        first = play()
        child = os.fork()
        if child == 0:
            os._exit(7 if play() == 1.0 else 1)
        print(first, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.stderr) == ("1.0 7", "")


def test_environments_in_threads_and_in_a_running_loop_play_each_their_own(envs):
    def play(seed):
        env = MiniWoBEnv("enter-text")
        goal = env.reset(seed=seed)[1]["goal"]
        word = goal.split('"')[1]
        env.step(f"fill('{ref(env, '', 'textbox')}', {word!r})")
        reward = click(env, "Submit")[1]
        env.close()
        return word, reward

    async def main():
        return await asyncio.gather(*(asyncio.to_thread(play, seed) for seed in range(3))), play(3)

    together, here = asyncio.run(main())
    assert [reward for _, reward in (*together, here)] == [1.0] * 4
    assert len({word for word, _ in (*together, here)}) == 4
    assert threading.current_thread() is threading.main_thread()


def test_pictures_are_arrays_of_the_window(envs):
    env = envs("click-test", image=True, marks=True, render_mode="rgb_array_list")
    _, info = env.reset(seed=0)
    assert info["image"].shape == (420, 500, 3)
    assert info["image"].std() > 0
    click(env, "Click")
    assert [picture.shape for picture in env.render()] == [(420, 500, 3)] * 3
    assert env.render() == []


def test_all_wrong_arguments_are_told_at_once():
    with pytest.raises(ValueError, match="arguments are wrong") as error:
        MiniWoBEnv("clik-test", max_steps=0, text_size="long", render_mode="film")
    for words in ("did you mean 'click-test'", "max_steps", "text_size", "render_mode"):
        assert words in str(error.value)
    with pytest.raises(ValueError, match="no options"):
        MiniWoBEnv("click-test").reset(options={"task": "click-tab"})


def ended(task, score, infeasible=None, **more):
    """The last info of an episode, as far as the report needs it."""
    return {
        **{"task": task, "tasks": 3, "score": score, "success": bool(score and score > 0)},
        **{"infeasible": infeasible, "decisions": 2, "failed": 1, **more},
    }


def lines_of(infos) -> dict[str, str]:
    """The report as it is printed."""
    return {label: str(said) for label, said in MiniWoBEnv.report(infos).items()}


def test_the_report_tells_what_failed_and_what_was_given_up():
    gone = [ended(task, None, f"no rule for task {task}") for task in ("d", "c", "c")]
    infos = [ended("a", 1.0), ended("b", -1.0), ended("b", 0.5), *gone]
    assert lines_of(infos) == {
        "success rate": "33.3% (95% between 9.7 and 70.0, 2 of 6 episodes)",
        "mean reward": "0.083 (95% between -0.417 and 0.583, 6 episodes), from -1 to 1",
        "tasks": "4 different ones, each played 1.5 times",
        "won with less than the full reward": "b",
        "failed": "b",
        "given up": "c (2), d (no rule for this task)",
        "actions with an error": "6 of 12",
    }


def test_the_report_counts_only_what_was_finished():
    infos = [ended("a", 1.0), ended("b", -1.0), ended("c", None, cut_off=True)]
    told = lines_of(infos)
    assert told["success rate"].startswith("50.0% ")
    assert (told["failed"], told["not finished"]) == ("b", "c (not counted)")
    assert lines_of(infos[2:]) == {
        "success rate": "no episode was finished",
        "not finished": "c (not counted)",
        "actions with an error": "1 of 2",
    }


def test_the_report_says_how_to_play_the_tasks_that_are_left():
    infos = [ended(task, 1.0) for task in "abc"]
    assert lines_of(infos)["tasks"] == "3 different ones, each played once"
    two = "2 different ones, each played once; 2 of 3 tasks played: Plan(episodes=3) plays all"
    assert lines_of(infos[:2])["tasks"] == two
    one = lines_of(infos[:1])
    assert one["tasks"] == "a; 1 of 3 tasks played: Plan(episodes=3) plays all"
    assert one["success rate"] == "100.0% (one episode)"
