"""Decisions of models on servers: OpenAI's wire, System One's, and the probabilities of labels."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from loopback import Decides, Fault, LoopbackServer
from loopback.scripted import answer as written
from loopback.scripted import scripted

from agentkit import (
    Agent,
    Completion,
    Graph,
    Image,
    Limits,
    Message,
    ModelError,
    Node,
    OpenAIModel,
    Question,
    Request,
    Settings,
    StepError,
    Usage,
    rollout_sync,
)
from agentkit.errors import CannotDecide
from agentkit.models.decisions import decide_by_labels, read_labels
from agentkit.models.openai.decisions import DecisionWires

QUICK = Settings(timeout_s=5, retries=1)
WAYS = ("left", "right", "up")
BEFORE = (Message("system", "You play."), Message("user", "A wolf."))
PICTURE = Image(b"\x89PNG", "image/png")


def first(question: str, options: Sequence[str]) -> Mapping[str, float]:
    """0.7 for the first option; the others share the rest."""
    rest = 0.3 / (len(options) - 1)
    return {option: 0.7 if i == 0 else rest for i, option in enumerate(options)}


def asked(*questions: Question, before: Sequence[Message] = BEFORE) -> Request:
    last = Message("user", f"{questions[0].text}\n\nAnswer with ...", questions[0].images)
    return Request((*before, last), questions=questions)


WHERE = Question("Where?", WAYS)
DANGER = Question("Is it dangerous?", ("yes", "no"), "predicate")
HOW = Question("How good?", ("1", "2", "3"), "score", meanings=("poor", "fair", "good"))


def decide(server: LoopbackServer, request: Request, **options: Any) -> Completion:
    model = OpenAIModel("m", base_url=server.base_url, settings=QUICK, **options)
    return asyncio.run(model.decide(request))


def paths(decides: Decides) -> list[str]:
    return [path for path, _ in decides.asked]


def test_decisions_are_asked_for_in_the_form_of_openai_and_vllm():
    decides = Decides(first)
    with LoopbackServer(decides=decides) as server:
        completion = decide(server, asked(WHERE, DANGER))
    assert [dict(one.probabilities) for one in completion.decisions] == [
        {"left": 0.7, "right": 0.15, "up": 0.15},
        {"yes": 0.7, "no": pytest.approx(0.3)},
    ]
    assert (completion.usage.input_tokens, completion.usage.cached_tokens) == (100, 40)
    assert completion.usage.calls == 1
    assert completion.model == "decider-1"
    ((path, body),) = decides.asked
    assert path == "/decisions"
    assert body == {
        "model": "m",
        "input": "You play.\n\nA wolf.",
        "questions": [
            {
                "type": "choice",
                "instructions": "Where?",
                "choices": [{"value": "left"}, {"value": "right"}, {"value": "up"}],
            },
            {"type": "predicate", "instructions": "Is it dangerous?"},
        ],
    }


def test_openai_itself_gets_roles_and_pictures():
    wires = DecisionWires("gpt-6-luna", is_openai=True)
    question = Question("Where?", WAYS, images=(PICTURE,))
    before = (*BEFORE, Message("assistant", "Run.", ()), Message("user", "Look.", (PICTURE,)))
    body = wires.body("/decisions", asked(question, before=before))
    url = "data:image/png;base64,iVBORw=="
    assert body["input"] == [
        {"role": "system", "content": "You play."},
        {"role": "user", "content": "A wolf."},
        {"role": "assistant", "content": "Run."},
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": url},
                {"type": "input_text", "text": "Look."},
            ],
        },
    ]
    assert body["questions"][0]["instructions"] == [
        {"type": "input_image", "image_url": url},
        {"type": "input_text", "text": "Where?"},
    ]
    assert wires.most_questions == 400


def test_a_question_with_nothing_in_front_is_its_own_input():
    decides = Decides(first)
    with LoopbackServer(decides=decides) as server:
        decide(server, asked(WHERE, before=()))
    body = decides.asked[0][1]
    assert body["input"] == "Where?"
    assert body["questions"][0]["instructions"] == "Which option answers the question in the input?"


def test_a_refusal_is_that_of_one_question():
    decides = Decides(lambda question, options: None if "?" in question else first("", options))
    with LoopbackServer(decides=decides) as server:
        completion = decide(server, asked(WHERE, Question("It is so.", ("yes", "no"), "predicate")))
    assert completion.decisions[0].probabilities == {}
    assert completion.decisions[1].winner == "yes"


def test_system_one_is_tried_where_there_are_no_decisions():
    decides = Decides(first, frozenset({"/systemone"}), other=0.1)
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        completion = asyncio.run(model.decide(asked(WHERE, DANGER)))
        again = asyncio.run(model.decide(asked(DANGER)))
    assert paths(decides) == ["/decisions", "/systemone", "/systemone"]
    assert completion.decisions[0].probabilities["left"] == 0.7
    assert completion.decisions[0].other == pytest.approx(0.1)
    assert again.decisions[0].probabilities["yes"] == 0.7
    assert (completion.usage.calls, again.usage.calls) == (2, 1)
    assert decides.asked[1][1] == {
        "model": "m",
        "state": "You play.\n\nA wolf.",
        "questions": {
            "q0": {
                "type": "choice",
                "instructions": "Where?",
                "criteria": {"left": None, "right": None, "up": None},
            },
            "q1": {"type": "noul", "instructions": "Is it dangerous?"},
        },
    }


def test_a_score_is_asked_as_levels_with_their_meanings_and_gives_the_numbers_of_the_file():
    for path in ("/decisions", "/systemone"):
        decides = Decides(first, frozenset({path}))
        node = Node("how", "How good?", output={"score": {1: "poor", 2: "fair", 3: "good"}})
        with LoopbackServer(decides=decides) as server:
            model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
            result = Graph([replace(node, decide=True)], context="A plan.").run_sync(model=model)
        assert result["how"] == 1
        assert dict(result.probabilities["how"]) == {"1": 0.7, "2": 0.15, "3": 0.15}
    question = {"type": "score", "instructions": "How good?"}
    criteria = ["1: poor", "2: fair", "3: good"]
    assert decides.asked[-1][1]["questions"] == {"q0": {**question, "criteria": criteria}}
    levels = [{"label": "1", "description": "poor"}, {"label": "2", "description": "fair"}]
    body = DecisionWires("m", is_openai=True).body("/decisions", asked(HOW))
    assert body["questions"] == [
        {**question, "levels": [*levels, {"label": "3", "description": "good"}]}
    ]


@pytest.mark.parametrize("numbers", [("1", "2", "3"), ("-1", "0", "1"), ("8", "9", "10")])
def test_a_score_is_read_from_its_digits_or_from_letters(numbers):
    decides = Decides(first, frozenset({"logprobs"}))
    with LoopbackServer(decides=decides) as server:
        completion = decide(server, asked(Question("How good?", numbers, "score")))
        prompt = server.requests[0].body["messages"][-1]["content"]
    assert list(completion.decisions[0].probabilities.values()) == pytest.approx([0.7, 0.15, 0.15])
    digits = "How good?\n\n1\n2\n3\nAnswer with one of these numbers and nothing else."
    assert (prompt == digits) == (numbers == ("1", "2", "3"))


def test_rotations_ask_each_time_with_another_option_first_and_take_the_mean():
    """A model that always prefers the first place has no preference in the mean."""
    decides = Decides(first, frozenset({"logprobs"}))
    settings = replace(QUICK, rotations=3)
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=settings)
        completion = asyncio.run(model.decide(asked(WHERE)))
        gate = asyncio.run(model.decide(asked(DANGER)))
        shown = [one.body["messages"][-1]["content"] for one in server.requests]
    assert [text.partition("A. ")[2].partition("\n")[0] for text in shown] == [*WAYS, ""]
    assert dict(completion.decisions[0].probabilities) == pytest.approx(dict.fromkeys(WAYS, 1 / 3))
    assert gate.decisions[0].probabilities["yes"] == pytest.approx(0.7)
    assert (completion.usage.calls, gate.usage.calls) == (2 + 3, 1)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (501, "The model does not support the Decisions API"),
        (400, "model not supported"),
        (422, "Field required: id"),
    ],
)
def test_a_server_without_decisions_is_asked_for_the_probabilities_of_labels(status, said):
    refusals = dict.fromkeys(("/decisions", "/systemone"), (status, said))
    decides = Decides(first, frozenset({"logprobs"}), refusals, other=0.2)
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        for _ in range(4):
            completion = asyncio.run(model.decide(asked(WHERE)))
        (body, *_) = [one.body for one in server.requests]
    (decision,) = completion.decisions
    assert dict(decision.probabilities) == pytest.approx({"left": 0.7, "right": 0.15, "up": 0.15})
    assert decision.other == pytest.approx(0.2)
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
    assert "response_format" not in body
    assert [message["content"] for message in body["messages"]] == [
        "You play.",
        "A wolf.",
        "Where?\n\nA. left\nB. right\nC. up\n"
        "Answer with the letter of one option and nothing else.",
    ]
    most = 1 if status in (404, 405, 501) else 2
    assert paths(decides) == ["/decisions", "/systemone"] * most
    assert completion.usage.calls == 1


def test_a_predicate_is_read_from_yes_and_no_in_upper_and_lower_case():
    decides = Decides(first, frozenset({"logprobs"}))
    with LoopbackServer(decides=decides) as server:
        completion = decide(server, asked(DANGER))
        prompt = server.requests[0].body["messages"][-1]["content"]
    assert dict(completion.decisions[0].probabilities) == pytest.approx({"yes": 0.7, "no": 0.3})
    assert prompt.endswith("Answer yes or no, with that word and nothing else.")


def test_many_options_are_asked_by_groups_and_their_probabilities_multiplied():
    options = tuple(f"way {number}" for number in range(45))
    decides = Decides(first, frozenset({"logprobs"}), other=0.1)
    with LoopbackServer(decides=decides) as server:
        completion = decide(server, asked(Question("Where?", options)))
        asked_labels = [
            one.body["messages"][-1]["content"].count("\n") - 2 for one in server.requests
        ]
    assert asked_labels == [3, 15, 15, 15]
    decision = completion.decisions[0]
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert decision.probabilities["way 0"] == pytest.approx(0.49)
    assert decision.probabilities["way 15"] == pytest.approx(0.15 * 0.7)
    assert decision.other == pytest.approx(1 - 0.9 * 0.9)
    assert completion.usage.calls == 2 + 4


def test_a_server_that_tells_of_few_tokens_is_asked_for_few():
    decides = Decides(first, frozenset({"logprobs"}), most_tokens=5)
    with LoopbackServer(decides=decides) as server:
        completion = decide(server, asked(Question("Where?", ("a", "b", "c", "d", "e", "f"))))
    assert completion.decisions[0].probabilities["a"] == pytest.approx(0.49, rel=0.01)


def test_a_server_without_probabilities_answers_in_text_and_is_not_asked_for_them_again():
    decides = Decides(first, frozenset())
    with LoopbackServer(decides=decides, answer=lambda body: "up") as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        node = Node("act", "Where?", output={"choice": list(WAYS)}, decide="auto")
        graph = Graph([node], system="You play.")
        results = [graph.run_sync(model=model) for _ in range(2)]
        assert [result["act"] for result in results] == ["up", "up"]
        assert results[0].probabilities == {}
        bodies = [one.body for one in server.requests]
        assert not model.decides
        with pytest.raises(StepError, match="can only answer in text"):
            Graph([Node("act", "Where?", output="yes_no", decide=True)]).run_sync(model=model)
    assert ["logprobs" in body for body in bodies] == [True, False, False]
    assert "response_format" in bodies[-1]


def test_a_model_that_thinks_first_answers_in_text():
    decides = Decides(lambda question, options: dict.fromkeys(options, 0.0), other=1.0)
    decides.paths = frozenset({"logprobs"})
    node = Node("act", "Where?", output={"choice": list(WAYS)}, decide="auto")
    graph = Graph([node], system="You play.")
    with LoopbackServer(decides=decides, answer=lambda body: "up") as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        results = [graph.run_sync(model=model) for _ in range(3)]
        assert [result["act"] for result in results] == ["up"] * 3
        assert sum("logprobs" in one.body for one in server.requests) == 2
        with pytest.raises(CannotDecide):
            asyncio.run(model.decide(asked(WHERE)))
    calls = [result.usage.calls for result in results]
    assert calls == [2 + 1 + 1, 1 + 1, 1], "finding out, the label, the text: all are counted"


def test_more_options_than_a_server_takes_are_asked_by_labels():
    refuse = {"/systemone": (422, "this model reads at most 26 options for a choice question")}
    decides = Decides(first, frozenset({"/systemone", "logprobs"}))
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        asyncio.run(model.decide(asked(WHERE)))
        decides.refusals = refuse
        many = Question("Where?", tuple(f"way {number}" for number in range(30)))
        for _ in range(3):
            assert len(asyncio.run(model.decide(asked(many))).decisions[0].probabilities) == 30
        decides.refusals = {}
        asyncio.run(model.decide(asked(WHERE)))
    assert paths(decides)[-1] == "/systemone"


def test_pictures_are_shown_by_chat_completions_where_the_server_is_not_openai():
    decides = Decides(first, frozenset({"/decisions", "logprobs"}))
    decides.logprobs = lambda body: {  # type: ignore[method-assign]
        "content": [{"top_logprobs": [{"token": "B", "logprob": 0.0}]}]
    }
    with LoopbackServer(decides=decides) as server:
        completion = decide(server, asked(Question("Where?", WAYS, images=(PICTURE,))))
    assert completion.decisions[0].winner == "right"
    assert paths(decides) == []


def test_an_overloaded_server_is_asked_again_and_is_not_taken_for_one_without_decisions():
    decides = Decides(first, refusals={"/decisions": (503, "overloaded")})
    with LoopbackServer(decides=decides) as server:
        with pytest.raises(ModelError, match="2 tries"):
            decide(server, asked(WHERE))
        assert paths(decides) == ["/decisions"] * 2


def test_a_wrong_key_is_told_at_once():
    decides = Decides(first, refusals={"/decisions": (401, "bad key")})
    with LoopbackServer(decides=decides) as server, pytest.raises(Exception, match="key"):
        decide(server, asked(WHERE), api_key="sk-secret")
    assert len(decides.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"answers": []},
        {"answers": [{"type": "choice", "probabilities": [{"value": "left"}]}]},
        {"answers": [{"type": "score", "score": 1}]},
        {"answers": [{"type": "score", "probabilities": [{"label": "7", "probability": 1}]}]},
        {"answers": [{"type": "score", "probabilities": {"0": 1}}]},
        {"answers": [{"type": "choice", "probabilities": {"left": "x"}}]},
        {"answers": 7},
        "nothing",
    ],
)
def test_an_answer_that_makes_no_sense_is_none(answer):
    decides = Decides(first)
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        asyncio.run(model.decide(asked(WHERE)))
        decides.answer = lambda path, body: (200, answer)  # type: ignore[method-assign]
        with pytest.raises(ModelError, match=r"has not the form of decisions|error"):
            asyncio.run(model.decide(asked(WHERE)))


def test_all_gates_of_a_step_are_one_request():
    decides = Decides(first)
    nodes = [Node(f"gate{i}", f"Gate {i}?", output="yes_no", decide="auto") for i in range(5)]
    nodes.append(Node("act", "Where? {{ gate1 }}", output={"choice": list(WAYS)}, decide="auto"))
    graph = Graph(nodes, context="You see {{ observation }}.")
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        agent = Agent(graph, model=model, action="act")
        assert agent.act_sync("a wolf") == "left"
        assert agent.result is not None
        assert agent.result.usage.calls == 2
    assert [len(body["questions"]) for _, body in decides.asked] == [5, 1]
    assert {body["input"] for _, body in decides.asked} == {"You see a wolf."}


def test_the_price_of_decisions_is_their_own():
    model = OpenAIModel("gpt-6-luna", api_key="sk-none")
    assert model._decisions_cost(Usage(input_tokens=1_000_000)) == pytest.approx(0.2)
    assert model._decisions_cost(Usage(100_000, 50_000)) == pytest.approx(0.01)
    assert OpenAIModel("gpt-5-mini", api_key="sk-none")._decisions_cost(Usage(10)) is None


# ---- labels ----


def entry(token: Any, logprob: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob}


@pytest.mark.parametrize(
    ("tokens", "labels", "masses"),
    [
        ([entry("A", -0.5), entry(" A", -2.0), entry("b", -1.0)], "AB", [0.7418, 0.0]),
        ([entry("\u2581B", 0.0)], "AB", [0.0, 1.0]),
        ([entry("Yes", -1.0), entry("YES", -2.0), entry(" no", -3.0)], ["yes", "no"],
         [0.5032, 0.0498]),
        ([entry("A", float("nan")), entry("B", "x"), entry(None, 0.0), "C", 7], "ABC", [0, 0, 0]),
        ([entry("A", 5.0)], "A", [1.0]),
        ([entry("A", float("-inf"))], "A", [0.0]),
    ],
)  # fmt: skip
def test_the_probability_of_a_label_is_that_of_all_its_spellings(tokens, labels, masses):
    assert read_labels(tokens, labels) == pytest.approx(masses, abs=1e-3)


def test_more_options_than_groups_can_hold_are_not_decided():
    async def ask(text: str, labels: Sequence[str]) -> list[float]:
        return [1.0] * len(labels)

    options = tuple(map(str, range(26)))
    with pytest.raises(CannotDecide, match="25 options"):
        asyncio.run(decide_by_labels(Question("?", options), ask, 5))


def test_a_group_that_is_hardly_probable_is_not_asked():
    texts: list[str] = []

    async def ask(text: str, labels: Sequence[str]) -> list[float]:
        texts.append(text)
        return [0.999 if i == 0 else 0.001 / (len(labels) - 1) for i in range(len(labels))]

    options = tuple(f"o{i}" for i in range(9))
    decision = asyncio.run(decide_by_labels(Question("?", options), ask, 3))
    assert len(texts) == 2
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert decision.probabilities["o4"] == pytest.approx(0.0005 / 3)


def test_faults_of_chat_completions_are_mended_for_labels_too():
    decides = Decides(first, frozenset({"logprobs"}))
    faults = [Fault("rate_limit", 0.01), None]
    with LoopbackServer(decides=decides, faults=faults) as server:
        completion = decide(server, asked(WHERE))
    assert completion.decisions[0].winner == "left"
    assert completion.usage.calls == 2 + 2


def test_an_answer_without_probabilities_is_asked_for_in_text():
    gone = (404, {"error": {"message": "no"}})
    node = Node("act", "Where?", output={"choice": list(WAYS)}, decide="auto")
    with scripted(gone, gone, written("A"), written("up")) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        result = Graph([node]).run_sync(model=model)
    assert (result["act"], result.probabilities, result.usage.calls) == ("up", {}, 4)


def test_what_one_question_cannot_be_asked_does_not_keep_others_from_being_decided():
    """Too many options twice, on a server with decisions and no probabilities of tokens."""
    decides = Decides(first, frozenset({"/decisions"}))
    many = Node("many", "Which?", output={"choice": [f"n{i}" for i in range(300)]}, decide="auto")
    gate = Node("gate", "Is it so?", output="yes_no", decide=True)
    with LoopbackServer(decides=decides, answer=lambda body: "n7") as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        for _ in range(4):
            result = Graph([many, gate], system="S.").run_sync(model=model)
            assert (result["many"], result["gate"]) == ("n7", True)
            assert {*result.probabilities} == {"gate"}


def test_what_must_be_decided_says_why_it_cannot_be():
    decides = Decides(first, frozenset({"logprobs"}))
    many = Node("many", "Which?", output={"choice": [f"n{i}" for i in range(401)]}, decide=True)
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        with pytest.raises(StepError, match=r"node 'many' is to be decided .*400 options"):
            Graph([many]).run_sync(model=model)


def test_a_limit_on_calls_holds_where_one_decision_takes_several():
    decides = Decides(first, frozenset({"logprobs"}))
    options = [f"way {number}" for number in range(45)]
    act = Node("act", "Where?", output={"choice": options}, decide="auto")
    for most in (1, 3, 5, 6):
        with LoopbackServer(decides=decides) as server:
            model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
            agent = Agent(Graph([act]), model=model, limits=Limits(calls=most))
            summary = rollout_sync(agent)
            asked_for = len(server.requests) + len(decides.asked)
            decides.asked.clear()
        assert asked_for <= most
        assert summary.status == ("done" if most >= 6 else "limit")
        assert summary.usage.calls == asked_for


def test_pictures_are_never_left_out_of_a_shared_request():
    """The first question has none, the second has one: it is asked where it can be shown."""
    decides = Decides(first, frozenset({"/systemone", "logprobs"}))
    seen: list[str] = []

    def logprobs(body: Mapping[str, Any]) -> dict[str, Any]:
        seen.append(str(body["messages"][-1]["content"])[:40])
        return {"content": [{"top_logprobs": [{"token": "no", "logprob": 0.0}]}]}

    decides.logprobs = logprobs  # type: ignore[method-assign]
    nodes = [
        Node("a", "Is it dark?", output="yes_no", decide=True),
        Node("b", "Is it red?", output="yes_no", decide=True, images="picture"),
    ]
    with LoopbackServer(decides=decides) as server:
        model = OpenAIModel("m", base_url=server.base_url, settings=QUICK)
        graph = Graph(nodes, system="Look.")
        graph.run_sync(model=model, inputs={"picture": PICTURE})
        result = graph.run_sync(model=model, inputs={"picture": PICTURE})
    assert (result["a"], result["b"]) == (True, False)
    assert all("image_url" in one for one in seen)


def test_the_first_requests_wait_for_the_one_that_finds_out():
    decides = Decides(first, frozenset({"/systemone"}))

    async def ask(model: OpenAIModel) -> None:
        await asyncio.gather(*(model.decide(asked(WHERE)) for _ in range(8)))

    with LoopbackServer(decides=decides) as server:
        asyncio.run(ask(OpenAIModel("m", base_url=server.base_url, settings=QUICK)))
    assert paths(decides) == ["/decisions", *["/systemone"] * 8]


def test_long_options_that_begin_alike_are_told_apart_in_groups():
    options = tuple("x" * 2100 + str(number) for number in range(45))

    async def ask(text: str, labels: Sequence[str]) -> list[float]:
        return [1.0, *[0.0] * (len(labels) - 1)]

    decision = asyncio.run(decide_by_labels(Question("Which?", options), ask, 20))
    assert decision.winner == options[0]
    assert len(decision.probabilities) == 45


def test_a_score_of_many_numbers_is_asked_by_groups():
    async def ask(text: str, labels: Sequence[str]) -> list[float]:
        return [0.0, 1.0, *[0.0] * (len(labels) - 2)]

    numbers = tuple(map(str, range(1, 31)))
    decision = asyncio.run(decide_by_labels(Question("How?", numbers, "score"), ask, 20))
    assert decision.winner == "17"
