"""What is covered is scrolled to where it can be hit; in vain, all stays as it was."""

from collections.abc import Iterator

import pytest
from envs.browser_hands import Hands, hands_on
from envs.browser_pages import needs_chromium, served

pytestmark = needs_chromium

COVERED = """<style>body { margin: 0 } div { height: 100px; overflow: auto; position: relative }
  p { height: 150px; margin: 0 } b { position: absolute; left: 0; top: 0; width: 300px;
  height: 900px; background: white }</style>
  <div><p></p><button>Buy</button><p></p><b>Wait</b></div>"""
PLACE = "document.querySelector('div').scrollTop"


@pytest.fixture(scope="module")
def hands() -> Iterator[Hands]:
    with served({}) as site, hands_on(site) as hands:
        yield hands


@pytest.mark.parametrize("action", ["click", "dblclick", "hover"])
def test_what_was_scrolled_in_vain_is_put_back(hands: Hands, action: str) -> None:
    hands.open(COVERED)
    hands.says(f"{PLACE} = 30")
    assert hands.error(f"{action}({{Buy}})") == (
        'e# (button "Buy") cannot be used: it is covered by b "Wait"'
    )
    assert hands.says(PLACE) == 30


def test_what_was_out_of_view_is_so_again(hands: Hands) -> None:
    hands.open("""<style>p { height: 4000px } i { position: fixed; inset: auto 0 0; height: 300px;
      background: white }</style><p></p><button>Buy</button><i>Bar</i>""")
    assert hands.error("click({Buy})") == (
        'e# (button "Buy") cannot be used: it is covered by i "Bar"'
    )
    assert hands.says("scrollY") == 0


def test_what_is_out_of_view_and_free_is_clicked_there(hands: Hands) -> None:
    hands.open("""<p style="height: 4000px"></p>
      <button onclick="document.title = 'hit'">Buy</button><p style="height: 4000px"></p>""")
    hands.works("click({Buy})")
    assert hands.says("document.title") == "hit"


@pytest.mark.parametrize("style", ["", "transform: scale(0.5); border: 9px solid"])
def test_what_covers_a_frame_covers_what_is_in_it(hands: Hands, style: str) -> None:
    hands.open(f"""<iframe style="{style}" srcdoc="<button onclick=&quot;top.document.title = 'hit'
      &quot;>Buy</button>"></iframe><p style="height: 2000px"></p>
      <div style="position: fixed; inset: 0">Wall</div>""")
    assert hands.error("click({Buy})") == (
        'e# (button "Buy") cannot be used: it is covered by div "Wall"'
    )
    assert hands.says("scrollY") == 0
    hands.says("document.querySelector('div').remove()")
    hands.works("click({Buy})")
    assert hands.says("document.title") == "hit"


def test_a_checkbox_and_a_target_of_dragging_are_put_back_too(hands: Hands) -> None:
    hands.open(COVERED.replace("<button>Buy</button>", "<input type=checkbox aria-label=Buy>"))
    assert "is covered by" in hands.error("check({Buy})")
    assert hands.says(PLACE) == 0
    hands.open("<button>Bag</button>" + COVERED)
    assert "is covered by" in hands.error("drag_and_drop({Bag}, {Buy})")
    assert hands.says(PLACE) == 0


def test_what_a_bar_covers_is_scrolled_out_from_under_it(hands: Hands) -> None:
    hands.open("""<style>body { margin: 0 } p { height: 1500px; margin: 0 }
      div { position: fixed; left: 0; right: 0; bottom: 0; height: 400px; background: white }
      </style><p></p><button onclick="document.title = 'hit'">Buy</button><p></p><div>Bar</div>""")
    hands.says("void scrollTo(0, 900)")
    hands.works("click({Buy})")
    assert hands.says("document.title") == "hit"
    assert hands.took_s < 4


def test_the_time_of_an_action_is_enough_to_say_what_covers(hands: Hands) -> None:
    hands.open(COVERED)
    hands.timeout_s = 1.2
    try:
        assert "is covered by" in hands.error("click({Buy})")
    finally:
        hands.timeout_s = 5.0


def test_what_covers_and_goes_away_soon_is_waited_for(hands: Hands) -> None:
    hands.open("""<style>i { position: fixed; inset: 0; background: white }</style>
      <button onclick="document.title = 'hit'">Buy</button><i>Wait</i>""")
    hands.says("void setTimeout(() => document.querySelector('i').remove(), 500)")
    hands.works("click({Buy})")
    assert hands.says("document.title") == "hit"
