"""Advice is given where the figures show it, and not where it would do harm."""

import pytest

from agentkit import Completion, Sampling, Usage

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


def test_a_node_that_reuses_already_gets_no_advice_to(steps):
    def play(run, step, time):
        reused = step > 0
        run.ask("rule", time, time + 0.01, "The rule?", request_key="ab", reused=reused)
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


def test_no_time_is_saved_where_steps_take_no_time(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.001, f"{step}")
        run.skip("plan", time + 0.001)
        run.ask("act", time + 0.001, time + 0.004, f"act {step}")
        return time + 0.004

    assert "slow node" not in kinds(steps(20, play, GRAPH))


def ask_the_rule(**changes):
    """Each step asks the same; `changes` are those of the request in step 5."""

    def play(run, step, time):
        run.ask("rule", time, time + 0.01, "What is the rule?", **(changes if step == 5 else {}))
        return time + 0.01

    return play


def test_a_node_that_is_always_answered_the_same_to_the_same_should_reuse(steps):
    advice = only(steps(20, ask_the_rule()), "reuse")
    assert "19 of its 20 calls" in advice.text
    assert advice.saves_calls == 19
    assert advice.saves_usd == pytest.approx(0.19)


def test_a_node_with_one_other_answer_to_the_same_request_is_not_told_to_reuse(steps):
    """It may sample on purpose, and `reuse` would keep the first answer for good."""
    assert kinds(steps(20, ask_the_rule(answer="another"))) == set()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_counts_for_reuse_are_the_answers_and_not_the_temperature(steps, temperature):
    def play(run, step, time, answer="fine"):
        how = {"sampling": Sampling(temperature=temperature), "answer": answer}
        run.ask("rule", time, time + 0.01, "What is the rule?", **how)
        return time + 0.01

    assert kinds(steps(20, play)) == {"reuse"}
    assert kinds(steps(20, lambda *step: play(*step, answer=f"{step[1]}"))) == set()


@pytest.mark.parametrize("end", ["retried", "otherwise", "failed", "an item failed"])
def test_answers_that_cannot_be_used_are_not_frozen_by_reuse(steps, end):
    """It once advised `reuse` for a node whose answers could not be used, all of them alike."""

    def play(run, step, time):
        times = time, time + 0.01
        if step != 5:
            run.ask("rule", *times, "What is the rule?")
        elif end == "retried":
            run.ask("rule", *times, "What is the rule?", error="no rule")
            run.ask("rule", *times, "What is the rule?", "No.", "Again.", attempt=2)
        elif end == "otherwise":
            run.ask("rule", *times, "What is the rule?", status="otherwise")
        else:
            item = 1 if end == "an item failed" else None
            run.ask("rule", time, None, "What is the rule?", item=item)
            run.fail("rule", times[1], Completion("fine"), item=item)
        return time + 0.01

    assert "reuse" not in kinds(steps(20, play))


def test_nodes_that_ask_what_another_asked_are_not_told_to_reuse(steps):
    def play(run, step, time):
        for number in range(5):
            run.ask(f"n{number}", time, time + 0.01, f"At {step}?")
        return time + 0.01

    assert kinds(steps(20, play)) == set()


def test_few_answers_that_cannot_be_used_are_not_worth_a_word(steps):
    def play(run, step, time):
        error = "not an action" if step == 7 else None
        run.ask("act", time, time + 0.01, f"{step}", error=error)
        if error:
            run.ask("act", time + 0.01, time + 0.02, f"{step}", attempt=2)
        return time + 0.02

    assert only(steps(20, play), "attempts").text.startswith("1 answer of `act` could")
    assert kinds(steps(200, play)) == set()


@pytest.mark.parametrize("never", [True, False])
def test_a_condition_that_decided_nothing_is_left_as_it_is(steps, never):
    """A narrower one might skip the node when it is wanted."""

    def play(run, step, time):
        run.ask("look", time, time + 1.0, f"{step}")
        if never:
            run.skip("plan", time + 1.0)
        else:
            run.ask("plan", time + 1.0, time + 2.0, f"plan {step}")
        run.ask("act", time + 2.0, time + 3.0, f"act {step}")
        return time + 3.0

    assert kinds(steps(100, play, GRAPH)) == set()


@pytest.mark.parametrize(
    "source",
    [
        "{nodes: [{look: What?}, {act: Which way?}]}",
        "{nodes: {look: What?, act: {prompt: Which way?, recall: [look], after: [look]}}}",
        "{nodes: {look: What?, act: {prompt: '{{ look }} Which way?', after: [look]}}}",
        "{nodes: {look: {function: search}, act: {prompt: Which way?, after: [look]}}}",
    ],
    ids=["list", "recall", "value", "function"],
)
def test_a_node_is_not_told_to_do_without_what_may_change_its_answer(steps, source):
    """It once advised to leave a node out of `recall`: the answer is another one then."""

    def play(run, step, time):
        if "function" in source:
            run.call("look", time, time + 1.0)
        else:
            run.ask("look", time, time + 1.0, f"{step}")
        run.ask("act", time + 1.0, time + 2.0, f"act {step}")
        return time + 2.0

    profile = steps(20, play, source)
    assert profile.path.known
    assert kinds(profile) == set()


def act_takes(look_s, act_s, **how):
    """Each step has a look, no plan, and an act."""

    def play(run, step, time):
        run.ask("look", time, time + look_s, f"{step}", model="small")
        run.skip("plan", time + look_s)
        run.ask("act", time + look_s, time + look_s + act_s, f"act {step}", **how)
        return time + look_s + act_s

    return play


def test_the_node_that_takes_more_than_half_of_the_steps_is_named(steps):
    advice = only(steps(20, act_takes(0.5, 3.0), GRAPH), "slow node")
    assert advice.nodes == ["act"]
    assert advice.saves_s == pytest.approx(60.0)
    assert "3.0 s less of 3.5 s" in advice.text
    assert kinds(steps(20, act_takes(1.5, 1.5), GRAPH)) == set()


def test_a_slow_node_is_not_told_to_answer_less_or_to_take_the_model_of_another(steps):
    """A short answer may be a worse one, and so may that of a faster model."""
    play = act_takes(0.1, 3.0, model="large", usage=Usage(10, 500, 0, 1))
    advice = only(steps(20, play, GRAPH), "slow node")
    for harm in ("max_tokens", "small", "shorter answer"):
        assert harm not in advice.text


def test_a_function_that_takes_more_than_half_of_the_steps_is_named(steps):
    def play(run, step, time):
        run.call("search", time, time + 5.0)
        run.ask("look", time + 5.0, time + 5.5, f"{step}")
        return time + 5.5

    source = "{nodes: {search: {function: tool}, look: '{{ search }}'}}"
    advice = only(steps(20, play, source), "slow node")
    assert advice.nodes == ["search"]
    assert "the function `tool`" in advice.text


@pytest.mark.parametrize(("refused", "ours"), [(False, True), (True, False)])
def test_our_own_limits_are_named_where_calls_wait_and_no_server_refused_them(steps, refused, ours):
    """Failed tries are waiting too, and more calls at once would not help a server that fails."""

    def play(run, step, time):
        run.ask("look", time, time + 0.5, f"{step}", model="small")
        run.skip("plan", time + 0.5)
        if refused:
            run.try_again("act", time + 1.0, 0.0)
        run.ask("act", time + 0.5, time + 3.5, f"act {step}", model="large", waited_s=2.5)
        return time + 3.5

    advice = only(steps(20, play, GRAPH), "slow node")
    assert ("`max_concurrency`" in advice.text) == ours


def test_a_server_that_makes_calls_wait_is_named_with_the_reason(steps):
    def play(run, step, time):
        run.try_again("look", time + 0.5, 1.0)
        run.ask("look", time, time + 2.0, f"{step}")
        return time + 2.0

    advice = only(steps(20, play), "server")
    assert "429 too many requests" in advice.text
    assert "fewer calls" not in advice.text, "they would wait for our own limits instead"
    assert advice.saves_s == pytest.approx(20.0)


def test_a_server_is_not_blamed_where_calls_waited_for_our_own_limits(steps):
    def play(run, step, time):
        run.ask("look", time, time + 2.0, f"{step}", waited_s=1.5)
        return time + 2.0

    assert kinds(steps(20, play)) == set()


def test_pauses_at_once_save_no_more_than_the_time_in_which_models_were_asked(steps):
    def play(run, step, time):
        for item in range(10):
            run.try_again("look", time + 0.5, 1.0)
            run.ask("look", time, time + 2.0, f"{step}", item=item)
        run.gather("look", time + 2.0)
        return time + 2.0

    assert only(steps(20, play), "server").saves_s == pytest.approx(40.0)


def test_nodes_with_a_system_text_each_do_not_change_it(steps):
    """Each is in the cache; only a text that no request began with is read anew."""

    def play(run, step, time):
        for name in ("look", "act"):
            text = f"system:You {name}. " + "You walk through a corridor. " * 100
            run.ask(name, time, time + 0.01, text, f"At {step}.", "What?")
        return time + 0.01

    assert kinds(steps(20, play)) == set()


def test_a_context_that_changes_in_many_lines_is_not_to_be_put_in_another_order(steps):
    def play(run, step, time):
        lines = [f"{place} changed in {step}." for place in range(20)]
        lines[10:10] = lines[20:] = ["The corridor is dark. " * 50]
        run.ask("look", time, time + 0.01, "system:You walk.", "\n".join(lines), "What?")
        return time + 0.01

    assert kinds(steps(20, play)) == set()


def test_what_gains_most_comes_first(steps):
    def play(run, step, time):
        run.ask("look", time, time + 0.5, "What is the rule?", model="small")
        run.skip("plan", time + 0.5)
        run.ask("act", time + 0.5, time + 3.5, f"act {step}", model="large")
        return time + 3.5

    profile = steps(100, play, GRAPH)
    assert [advice.kind for advice in profile.advice] == ["slow node", "reuse"]
