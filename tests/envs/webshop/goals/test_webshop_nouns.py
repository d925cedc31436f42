"""Which words of a title count as nouns."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from agentkit_envs.webshop.goals.nouns import get_nouns
from envs.webshop_data import DATA, needs_data
from envs.webshop_shelf import write_shop
from hypothesis import given
from hypothesis import strategies as st

FAKE_SPACY = '''
"""A stand-in for spaCy with one model, "tiny", that knows two words."""
class Token:
    def __init__(self, text):
        self.text = text
        self.pos_ = {"Lamp": "NOUN", "Lumo": "PROPN"}.get(text, "ADJ")

def load(model):
    if model != "tiny":
        raise OSError(f"[E050] Can't find model '{model}'.")
    return lambda text: [Token(word) for word in text.split()]
'''


@pytest.mark.parametrize(
    ("title", "nouns"),
    [
        ("Women's Casual Short Sleeve Summer Dress", "women sleeve summer dress"),
        ("Lumora 12 oz Organic Green Tea (Pack of 6)", "lumora oz tea pack"),
        ("the Best adjustable LED Desk-Lamp for your bedroom", "led desk lamp bedroom"),
        ("Wireless charging cable, washable & waterproof", "charging cable"),
        ("T-Shirt, 100% cotton, 2XL, 4K", "shirt cotton"),
        ("Model KX-250B stainless steel", "model kx steel"),
        ("Cr\u00e8me br\u00fbl\u00e9e, don\u2019t shake", "cr\u00e8me br\u00fbl\u00e9e shake"),
        ("seaweed snack for the family", "seaweed snack family"),
        ("Lamp lamp LAMP", "lamp lamp lamp"),
        ("quickly endlessly glamorous", ""),
        ("", ""),
    ],
)
def test_rules_find_the_nouns_of_a_title(title: str, nouns: str):
    assert get_nouns("rules")(title) == tuple(nouns.split())


def test_the_rules_are_the_default():
    assert get_nouns() is get_nouns("rules")
    assert get_nouns().name == "rules"


@given(st.text(max_size=60))
def test_any_text_has_nouns_in_lower_case_that_it_contains(text: str):
    for noun in get_nouns()(text):
        assert noun == noun.lower()
        assert noun in text.lower().replace("\u2019", "'")
        assert not noun.isdigit()


@needs_data
def test_real_titles_have_about_twelve_nouns():
    lines = (DATA / "products_1k.jsonl").read_text("utf-8").splitlines()
    titles = [json.loads(line)["Title"] for line in lines]
    found = [get_nouns()(title) for title in titles]
    assert sum(not nouns for nouns in found) <= 1
    assert 10 < sum(map(len, found)) / len(found) < 14


@pytest.mark.parametrize("name", ["spacey", "spacy:", "Rules", ""])
def test_an_unknown_tagger_is_refused_with_what_there_is(name: str):
    with pytest.raises(ValueError, match=r"expected 'rules', 'spacy' or 'spacy:MODEL'"):
        get_nouns(name)


def test_a_misspelt_tagger_is_guessed():
    with pytest.raises(ValueError, match=r"Did you mean 'rules'\?"):
        get_nouns("rule")


@pytest.mark.skipif(find_spec("spacy") is not None, reason="spaCy is installed")
def test_without_spacy_the_error_says_how_to_install_it():
    with pytest.raises(ValueError, match=r"spaCy, which is not installed.*pip install spacy"):
        get_nouns("spacy")


def run_with_spacy(folder, program: str) -> str:
    (folder / "spacy.py").write_text(FAKE_SPACY)
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def test_spacys_nouns_and_names_count(tmp_path):
    program = (
        "from agentkit_envs.webshop.goals.nouns import get_nouns\n"
        "nouns = get_nouns('spacy:tiny')\n"
        "print(nouns.name, nouns('Lumo bright Lamp Lamp'))"
    )
    printed = run_with_spacy(tmp_path, program)
    assert printed == "spacy:tiny ('lumo', 'lamp', 'lamp')\n"


def test_the_environment_scores_with_the_tagger_that_it_is_given(tmp_path):
    program = (
        "from agentkit_envs.webshop.env import WebShopEnv\n"
        f"env = WebShopEnv(data={str(write_shop(tmp_path))!r}, nouns='spacy:tiny',"
        f" cache={str(tmp_path / 'cache')!r})\n"
        "env.reset(seed=0); env.step('search[lamp]')\n"
        "env.step(env.step('search[lamp]')[4]['actions'][0])\n"
        "print(env.step('click[Buy Now]')[4]['score']['nouns'])"
    )
    assert run_with_spacy(tmp_path, program) == "spacy:tiny\n"


def test_a_missing_model_is_named_with_the_command_to_get_it(tmp_path):
    program = "from agentkit_envs.webshop.goals.nouns import get_nouns\nget_nouns('spacy')"
    printed = run_with_spacy(tmp_path, program)
    assert "ValueError: nouns: spaCy has no model 'en_core_web_lg'" in printed
    assert "python -m spacy download en_core_web_lg" in printed
