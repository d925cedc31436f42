"""The answers of rule-based players in the form that a node's schema asks for."""

from agentkit_envs.experts import fitted

TEXT = {"type": "string"}


def fields(**kinds):
    return {"type": "object", "properties": kinds}


def test_fields_that_are_not_asked_for_are_left_out_and_others_are_empty():
    asked = fields(act=TEXT, sure={"type": "boolean"}, seen={"type": "array", "items": TEXT})
    assert fitted({"act": "go", "times": 3}, asked) == {"act": "go", "sure": False, "seen": []}


def test_a_field_of_another_name_takes_what_no_field_is_named_after():
    given = {"notes": ["a"], "why": "near", "action": "go"}
    notes = {"type": "array", "items": TEXT}
    asked = fields(kept=notes, reason=TEXT, move=TEXT, ok={"type": "boolean"})
    found = {"kept": ["a"], "reason": "near", "move": "go", "ok": False}
    assert fitted(given, asked) == found


def test_a_choice_of_another_name_takes_one_of_its_options():
    asked = fields(move={"enum": ["go", "stay"]})
    assert fitted({"action": "stay", "why": "near"}, asked) == {"move": "stay"}
