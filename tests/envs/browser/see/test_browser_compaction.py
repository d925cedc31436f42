"""What a page's elements are shown as, and what is left out because it says nothing."""

from agentkit_envs.browser.see.aria_snapshot import parse_snapshot
from agentkit_envs.browser.see.compaction import compact
from agentkit_envs.browser.see.element_lines import write_line
from agentkit_envs.browser.see.view import Box, Element

SITE = "http://shop.example/cart"


def shown(snapshot: str, url: str = SITE) -> list[str]:
    """The lines of a snapshot as they are shown."""
    return [
        "  " * element.depth + write_line(element)
        for element in compact(parse_snapshot(snapshot), url)
    ]


def test_wrappers_without_words_are_left_out_and_depth_counts_what_is_shown() -> None:
    assert shown("""\
- generic [ref=e1]:
  - generic [ref=e2]:
    - list [ref=e3]:
      - generic [ref=e4]:
        - listitem [ref=e5]: one
  - table [ref=e6]:
    - rowgroup [ref=e7]:
      - row "a" [ref=e8]""") == [
        "e3 list",
        '  e5 listitem "one"',
        "e6 table",
        '  e8 row "a"',
    ]


def test_wrappers_that_can_be_clicked_or_have_the_keyboard_stay() -> None:
    assert shown("""\
- generic [ref=e1]:
  - generic [ref=e2] [cursor=pointer]:
    - heading "A" [ref=e3]
  - generic [active] [ref=e4]:
    - heading "B" [ref=e5]""") == [
        "e2 generic [clickable]",
        '  e3 heading "A"',
        "e4 generic [focused]",
        '  e5 heading "B"',
    ]


def test_the_body_of_a_document_is_not_what_has_the_keyboard() -> None:
    assert shown("- generic [active] [ref=f3e1]: words") == ['f3e1 generic "words"']
    assert shown("- generic [active] [ref=f3e9]: words") == ['f3e9 generic "words" [focused]']
    assert shown("""\
- iframe [active] [ref=e2]:
  - generic [active] [ref=f1e1]:
    - button "Ok" [ref=f1e2]""") == ["e2 iframe [focused]", '  f1e2 button "Ok"']


def test_words_inside_a_button_become_its_name() -> None:
    assert shown("""\
- button [ref=e1] [cursor=pointer]:
  - generic [ref=e2]:
    - img "cart" [ref=e3]
  - strong [ref=e4]: Add
  - text: to cart
- link [ref=e5]:
  - /url: /help
  - heading "Help" [ref=e6]
- tab "named" [ref=e7]: words""") == [
        'e1 button "cart Add to cart"',
        'e5 link -> "/help"',
        '  e6 heading "Help"',
        'e7 tab "named" = "words"',
    ]


def test_words_inside_that_the_name_says_are_left_out() -> None:
    assert shown("""\
- link "Plan travel" [ref=e1]:
  - text: Plan
  - generic [aria-hidden] [ref=e2]: travel
- button "Close" [ref=e3]:
  - text: Close it""") == ['e1 link "Plan travel"', 'e3 button "Close"', '  text "Close it"']


def test_letters_of_icon_fonts_are_left_out() -> None:
    assert shown("""\
- button " \ue123 Search" [ref=e1]
- text: \uf00d
- generic [aria-hidden] [ref=e2]: \ue001
- generic [ref=e3]: a\ue001 b""") == ['e1 button "Search"', 'e3 generic "a b"']


def test_what_is_empty_and_what_holds_but_one_link_costs_no_line() -> None:
    assert shown("""\
- paragraph [ref=e1]
- status [ref=e2]
- list [ref=e3]:
  - listitem [ref=e4]:
    - generic [ref=e5]:
      - link "One" [ref=e6]
  - listitem [ref=e7]:
    - link "Two" [ref=e8]:
      - img "picture" [ref=e9]
      - heading "Two" [ref=e10]
  - listitem [ref=e11]:
    - link "Three" [ref=e12]
    - text: words
  - listitem [ref=e13] [cursor=pointer]:
    - link "Four" [ref=e14]
  - listitem [ref=e15]:
    - heading "Five" [ref=e16]
  - listitem [ref=e17]
- paragraph [ref=e18]:
  - textbox [ref=e19]""") == [
        "e3 list",
        '  e6 link "One"',
        '  e8 link "Two"',
        '    e9 img "picture"',
        '    e10 heading "Two"',
        "  e11 listitem",
        '    e12 link "Three"',
        '    text "words"',
        "  e13 listitem [clickable]",
        '    e14 link "Four"',
        "  e15 listitem",
        '    e16 heading "Five"',
        "  e17 listitem",
        "e19 textbox",
    ]


def test_what_can_be_used_inside_a_tab_stays_apart() -> None:
    assert shown("""\
- tab [ref=e1]:
  - text: One
  - button "close" [ref=e2]""") == ["e1 tab", '  text "One"', '  e2 button "close"']


def test_a_text_beside_a_field_of_its_name_is_left_out() -> None:
    assert shown("""\
- generic [ref=e1]:
  - text: Name
  - textbox "Name" [ref=e2]
- checkbox "Old" [ref=e3]
- generic [ref=e4]: Old
- text: Buy
- button "Buy" [ref=e5]
- text: Year
- textbox [ref=e6]""") == [
        'e2 textbox "Name"',
        'e3 checkbox "Old"',
        'text "Buy"',
        'e5 button "Buy"',
        'text "Year"',
        "e6 textbox",
    ]


def test_a_label_that_can_be_clicked_stays() -> None:
    assert shown("""\
- checkbox "Old" [ref=e3]
- generic [ref=e4] [cursor=pointer]: Old""") == [
        'e3 checkbox "Old"',
        'e4 generic "Old" [clickable]',
    ]


def test_that_a_button_is_clickable_is_not_said() -> None:
    assert shown('- button "Ok" [disabled] [ref=e1] [cursor=pointer]') == [
        'e1 button "Ok" [disabled]'
    ]


def test_links_to_the_page_s_own_site_lose_its_address() -> None:
    links = [
        f'- link "{at}" [ref=e{at}]:\n  - /url: {url}'
        for at, url in enumerate(
            [
                "http://shop.example/a?b#c",
                "http://shop.example.evil/a",
                "https://shop.example/a",
                "../up",
                "http://shop.example",
            ]
        )
    ]
    assert shown("\n".join(links)) == [
        'e0 link "0" -> "/a?b#c"',
        'e1 link "1" -> "http://shop.example.evil/a"',
        'e2 link "2" -> "https://shop.example/a"',
        'e3 link "3" -> "../up"',
        'e4 link "4" -> "http://shop.example"',
    ]


def test_elements_of_frames_stand_where_the_frame_is() -> None:
    elements = parse_snapshot("""\
- iframe [ref=e1] [box=100,50,300,200]:
  - iframe [ref=f1e1] [box=10,20,90,90]:
    - button "deep" [ref=f2e1] [box=1,2,30,40]
  - button "in" [ref=f1e2] [box=5,6,30,40]
- button "out" [ref=e2] [box=7,8,30,40]""")
    assert [(element.name, element.box) for element in compact(elements, SITE)] == [
        ("", Box(100, 50, 300, 200)),
        ("", Box(110, 70, 90, 90)),
        ("deep", Box(111, 72, 30, 40)),
        ("in", Box(105, 56, 30, 40)),
        ("out", Box(7, 8, 30, 40)),
    ]


def test_nothing_becomes_of_nothing() -> None:
    assert compact([], SITE) == ()
    assert compact([Element("generic", ref="e1")], SITE) == ()


def test_the_name_and_password_in_the_address_of_a_link_are_not_shown() -> None:
    assert shown("""\
- link "In" [ref=e1]:
  - /url: http://ada:secret@help.example/x""") == ['e1 link "In" -> "http://help.example/x"']
