"""Advice is given where the figures show it, and not elsewhere."""

import pytest

from agentkit import Usage
from agentkit.profiling import profile_run

GRAPH = """
system: You walk.
context: "{{ observation }}"
nodes:
  look: What do you see?
  plan: {prompt: "{{ look }} Make a plan.", when: step > 1000, initial: ""}
  act: {prompt: "{{ plan }} Which way?", after: [look]}
"""


def kinds(profile):
    return {advice.kind for advice in profile.advice}


def only(profile, kind):
    found = [advice for advice in profile.advice if advice.kind == kind]
    assert len(found) == 1, [advice.kind for advice in profile.advice]
    return found[0]


@pytest.fixture
def steps(record):
    """Records as many steps as are asked for; `play` asks the models of one step."""

    def steps(number, play, source=""):
        run = record(source)
        run.start(0.0, observation="a tree")
        for step in range(number):
            time = step * 10.0
            run.begin_step(time, step)
            end = play(run, step, time)
            run.end_step(end)
            run.act(end)
        run.end(number * 10.0)
        return run.profile()

    return steps


def test_a_run_in_which_all_is_well_gets_no_advice(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.01, "system:You walk.", f"At {step}.", "What do you see?")
        run.ask("act", time + 0.01, time + 0.02, "system:You walk.", f"At {step}.", "Which way?")
        return time + 0.02

    assert kinds(steps(20, play)) == set()


def test_a_clock_in_the_system_text_is_found(steps):
    def play(run, step, time):
        clock = f"system:It is {step} o'clock. " + "You walk through a corridor. " * 100
        run.ask("look", time, time + 0.01, clock, f"At {step}.", "What?")
        run.ask("act", time + 0.01, time + 0.02, clock, f"At {step}.", "Which way?")
        return time + 0.02

    advice = only(steps(20, play), "system changes")
    assert "changed 19 times" in advice.text
    assert "o'clock" in advice.text
    assert "context changes early" not in kinds(steps(20, play)), "the context is short"
    assert advice.saves_tokens == pytest.approx(19 * 2900 / 4, rel=0.02)


def test_a_step_number_in_front_of_a_context_that_stays_is_found(steps):
    def play(run, step, time):
        context = f"Step {step}.\n" + "The corridor is dark.\n" * 100
        run.ask("look", time, time + 0.01, "system:You walk.", context, "What?")
        return time + 0.01

    advice = only(steps(20, play), "context changes early")
    assert 'line 1 ("Step ' in advice.text
    assert advice.saves_tokens == pytest.approx(19 * 2200 / 4, rel=0.02)


def test_a_step_number_at_the_end_of_the_context_does_no_harm(steps):
    def play(run, step, time):
        context = "The corridor is dark.\n" * 100 + f"Step {step}."
        used = Usage(10, 2, 9, 1)
        run.ask("look", time, time + 0.01, "system:You walk.", context, "What?", usage=used)
        return time + 0.01

    assert kinds(steps(20, play)) == set()


def test_a_node_that_asks_the_same_again_should_reuse(steps):
    def play(run, step, time):
        run.ask("rule", time, time + 0.01, "What is the rule?")
        return time + 0.01

    advice = only(steps(20, play), "reuse")
    assert advice.saves_calls == 19
    assert advice.saves_usd == pytest.approx(0.19)


def test_a_node_that_reuses_already_gets_no_advice_to(steps):
    def play(run, step, time):
        reused = step > 0
        run.ask("rule", time, time + 0.01, "The rule?", request_key="k", reused=reused)
        return time + 0.01

    assert kinds(steps(20, play)) == set()


def test_rules_do_not_read_their_prompts_so_the_same_prompt_says_nothing(steps):
    def play(run, step, time):
        run.ask("rule", time, time + 0.01, "What is the rule?", model="rules")
        return time + 0.01

    assert kinds(steps(20, play)) == set()


def test_a_node_whose_answers_often_cannot_be_used_is_named_with_the_reason(steps):
    def play(run, step, time):
        run.ask(
            "act", time, time + 0.01, f"{step}", error="not an action" if step % 3 == 0 else None
        )
        if step % 3 == 0:
            run.ask("act", time + 0.01, time + 0.02, f"{step}", attempt=2)
        return time + 0.02

    advice = only(steps(30, play), "attempts")
    assert advice.nodes == ["act"]
    assert "10 answers of `act`" in advice.text
    assert "33% of its questions" in advice.text
    assert '"not an action"' in advice.text
    assert advice.saves_calls == 10
    assert advice.saves_usd == pytest.approx(0.10)
    assert advice.saves_s == pytest.approx(0.10)


def test_a_condition_that_was_never_true_is_named(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.01, f"{step}")
        run.skip("plan", time + 0.01)
        run.ask("act", time + 0.01, time + 0.02, f"act {step}")
        return time + 0.02

    assert only(steps(100, play, GRAPH), "always skipped").nodes == ["plan"]
    assert kinds(steps(99, play, GRAPH)) == set(), "what it waits for may be rare"


def test_a_condition_that_was_never_false_is_named(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.01, f"{step}")
        run.ask("plan", time + 0.01, time + 0.02, f"plan {step}")
        run.ask("act", time + 0.02, time + 0.03, f"act {step}")
        return time + 0.03

    assert only(steps(20, play, GRAPH), "never skipped").nodes == ["plan"]
    assert kinds(steps(5, play, GRAPH)) == set(), "too few steps to say so"


def test_nodes_that_wait_for_each_other_for_nothing_are_named_with_what_it_costs(steps):
    def play(run, step, time):
        run.ask("look", time, time + 1.0, f"{step}")
        run.skip("plan", time + 1.0)
        run.ask("act", time + 1.0, time + 2.0, f"act {step}")
        return time + 2.0

    source = "{nodes: {look: What?, plan: Why?, act: {prompt: Which way?, after: [look, plan]}}}"
    advice = only(steps(20, play, source), "waiting")
    assert advice.nodes == ["look", "act"]
    assert advice.saves_s == pytest.approx(20.0)
    assert "1.0 s less" in advice.text


def test_nodes_that_memory_keeps_in_order_are_not_told_to_part(steps):
    def play(run, step, time):
        run.ask("look", time, time + 1.0, f"{step}")
        run.ask("act", time + 1.0, time + 2.0, f"act {step}")
        return time + 2.0

    source = """
memory: {seen: ""}
nodes:
  look: {prompt: "What?", save: {seen: output}}
  act: {prompt: "{{ memory.seen }} Which way?", after: [look]}
"""
    assert "waiting" not in kinds(steps(20, play, source))


def test_a_list_that_could_be_a_graph_is_found_by_its_recalls(steps):
    def play(run, step, time):
        run.ask("look", time, time + 1.0, f"{step}")
        run.ask("act", time + 1.0, time + 2.0, f"{step}", "assistant:a", f"act {step}")
        return time + 2.0

    advice = only(steps(20, play, "{nodes: [{look: What?}, {act: Which way?}]}"), "waiting")
    assert "write its nodes as a mapping" in advice.text


def test_the_node_that_the_steps_wait_for_most_is_named_with_a_faster_model(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.5, f"{step}", model="small")
        run.skip("plan", time + 0.5)
        run.ask("act", time + 0.5, time + 3.5, f"act {step}", model="large")
        return time + 3.5

    advice = only(steps(20, play, GRAPH), "slow node")
    assert advice.nodes == ["act"]
    assert advice.saves_s == pytest.approx(60.0)
    assert "3.0 s less of 3.5 s" in advice.text
    assert "`small` answers in 500 ms" in advice.text


@pytest.mark.parametrize(("refused", "queue"), [(False, True), (True, False)])
def test_a_queue_is_named_where_calls_wait_and_no_server_refused_them(steps, refused, queue):
    """Failed tries are waiting too, and more calls at once would not help a server that fails."""

    def play(run, step, time):
        run.ask("look", time, time + 0.5, f"{step}", model="small")
        run.skip("plan", time + 0.5)
        if refused:
            run.try_again("act", time + 1.0, 0.0)
        run.ask("act", time + 0.5, time + 3.5, f"act {step}", model="large", waited_s=2.5)
        return time + 3.5

    advice = only(steps(20, play, GRAPH), "slow node")
    assert ("`max_concurrency` of the model" in advice.text) == queue


def test_no_time_is_saved_where_steps_take_no_time(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.001, f"{step}")
        run.skip("plan", time + 0.001)
        run.ask("act", time + 0.001, time + 0.004, f"act {step}")
        return time + 0.004

    assert "slow node" not in kinds(steps(20, play, GRAPH))


def test_long_answers_on_the_critical_path_are_named(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.1, f"{step}")
        run.skip("plan", time + 0.1)
        run.ask("act", time + 0.1, time + 3.0, f"act {step}", usage=Usage(10, 500, 0, 1))
        return time + 3.0

    advice = only(steps(20, play, GRAPH), "long answers")
    assert "500 tokens an answer" in advice.text
    assert advice.saves_s == pytest.approx(29.0)


def test_a_server_that_makes_calls_wait_is_named(steps):
    def play(run, step, time):
        run.try_again("look", time + 0.5, 1.0)
        run.ask("look", time, time + 2.0, f"{step}")
        return time + 2.0

    advice = only(steps(20, play), "server")
    assert "429 too many requests" in advice.text
    assert advice.saves_s == pytest.approx(20.0)


def test_lines_that_stand_in_many_prompts_are_found(steps):
    places = "You remember: " + "water to the west, " * 40

    def play(run, step, time):
        for number, name in enumerate(("a", "b", "c")):
            at = time + number * 0.01
            run.ask(name, at, at + 0.01, f"Step {step} of {name}", "x", f"{name}\n{places}{step}")
        return time + 0.03

    advice = only(steps(20, play), "repeated lines")
    assert advice.nodes == ["a", "b", "c"]
    assert "You remember" in advice.text
    assert advice.saves_tokens == pytest.approx(20 * 2 * len(places) / 4, rel=0.02)


def test_a_cache_that_servers_do_not_use_is_named(steps):
    def play(run, step, time):
        used = Usage(1000, 5, 0, 1)
        run.ask("look", time, time + 0.01, "system:" + "x" * 4000, f"{step}", usage=used)
        return time + 0.01

    advice = only(steps(20, play), "cache unused")
    assert "report 0%" in advice.text
    assert advice.saves_tokens == pytest.approx(0.86 * 20_000, rel=0.05)


def test_time_that_no_model_takes_is_named(steps):
    def play(run, step, time):
        run.call("search", time, time + 5.0)
        run.ask("look", time + 5.0, time + 5.5, f"{step}")
        return time + 5.5

    assert only(steps(20, play), "functions").nodes == ["search"]


def test_what_gains_most_comes_first(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.5, "What is the rule?", model="small")
        run.skip("plan", time + 0.5)
        run.ask("act", time + 0.5, time + 3.5, f"act {step}", model="large")
        return time + 3.5

    profile = steps(100, play, GRAPH)
    assert [advice.kind for advice in profile.advice] == [
        "slow node", "reuse", "always skipped"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parallel", "episodes", "advised"), [(1, 2, True), (4, 1, True), (4, 2, False)]
)
def test_episodes_at_once_are_advised_only_where_there_was_one_at_a_time(
    record, parallel, episodes, advised
):
    run = record(GRAPH)
    for episode in range(episodes):
        run.episode = episode
        run.start(0.0, observation="a tree")
        run.begin_step(0.0)
        run.ask("act", 0.0, 0.1, "Which way?")
        run.end_step(0.1)
        run.act(5.0)
        run.end(5.0)
    written = run.write({"plan": {"parallel": parallel}})
    advice = only(profile_run(written), "environment")
    assert advice.text.startswith("The environment takes 98% of the time. ")
    assert ("--parallel" in advice.text) == advised
