"""Decision models of LangChain."""

from typing import Any

import pytest
from langchain_core.decisions import BaseDecisionModel, ClassifierResponse

from agentkit import Graph, Image, Node, StepError, get_model
from agentkit.testing import MODEL_CHECKS


class Decider(BaseDecisionModel):
    """Decides for the first option, and keeps what it was asked."""

    model: str = "first-1"
    asked: list[Any] = []  # noqa: RUF012 (a field of pydantic)

    @property
    def _provider(self) -> str:
        return "tests"

    def _classify(self, state: Any, questions: Any) -> ClassifierResponse:
        self.asked.append((state, questions))
        answers = {name: self._answer(question) for name, question in questions.items()}
        usage = {"input_tokens": 30, "output_tokens": 0}
        return ClassifierResponse.model_validate(
            {"model": self.model, "answers": answers, "usage": usage}
        )

    def _answer(self, question: Any) -> dict[str, Any]:
        if question.type == "noul":
            return {"type": "noul", "noul": 0.9}
        first, *rest = question.criteria
        if question.type == "score":
            shares = {0: 0.2, **dict.fromkeys(range(1, len(rest) + 1), 0.8 / len(rest))}
            legend = dict(enumerate(question.criteria))
            head = {"type": "score", "score": 1.0, "legend": legend, "confidence": 0.5}
            return {**head, "probabilities": shares}
        found = {first: 0.8, **{one: 0.2 / len(rest) for one in rest}}
        return {"type": "choice", "choice": first, "probabilities": found, "confidence": 0.8}


NODES = [
    Node("danger", "Is it dangerous?", output="yes_no", decide=True),
    Node("act", "Where?", output={"choice": ["left", "right"]}, decide="auto"),
]


def test_it_decides_all_questions_of_a_step_in_one_request():
    model = Decider(asked=[])
    result = Graph(NODES, context="A wolf.").run_sync(model=model)
    assert (result["danger"], result["act"]) == (True, "left")
    assert dict(result.probabilities["act"]) == {"left": 0.8, "right": pytest.approx(0.2)}
    ((state, questions),) = model.asked
    assert [message.content for message in state] == ["A wolf."]
    assert [one.instructions for one in questions.values()] == ["Is it dangerous?", "Where?"]
    assert (result.usage.calls, result.usage.input_tokens) == (1, 30)


def test_a_score_is_a_score_with_its_meanings():
    model = Decider(asked=[])
    levels = {-1: "worse", 1: "better"}
    node = Node("how", "How is it?", output={"score": levels}, decide=True)
    result = Graph([node], context="A wolf.").run_sync(model=model)
    assert result["how"] == 1
    assert dict(result.probabilities["how"]) == {"-1": pytest.approx(0.2), "1": 0.8}
    assert model.asked[0][1]["q0"].criteria == ["-1: worse", "1: better"]


def test_pictures_stand_in_front_of_their_question():
    model = Decider(asked=[])
    node = Node("danger", "Is it red?", output="yes_no", decide=True, images="picture")
    picture = Image(b"\x89PNG", "image/png")
    Graph([node], context="Look.").run_sync(model=model, inputs={"picture": picture})
    block, text = model.asked[0][1]["q0"].instructions
    assert (block["type"], block["mime_type"]) == ("image", "image/png")
    assert text["text"] == "Is it red?"


def test_with_nothing_in_front_the_prompt_itself_is_the_state():
    model = Decider(asked=[])
    Graph(NODES[:1]).run_sync(model=model)
    assert model.asked[0][0][0].content.startswith("Is it dangerous?")


def test_it_cannot_answer_in_text():
    with pytest.raises(StepError, match="can only decide: give node 'why'"):
        Graph([Node("why", "Why?")]).run_sync(model=Decider(asked=[]))


def test_its_error_is_one_of_the_model():
    class Broken(Decider):
        def _classify(self, state: Any, questions: Any) -> ClassifierResponse:
            raise RuntimeError("no such thing")

    with pytest.raises(StepError, match="no such thing"):
        Graph(NODES[1:]).run_sync(model=Broken(asked=[]))


def test_it_has_a_name():
    assert get_model(Decider()).name == "langchain:Decider:first-1"


def test_its_decisions_pass_the_checks_of_models():
    for check in MODEL_CHECKS:
        if "decisions" in check.__name__:
            check(lambda: get_model(Decider(asked=[])))
