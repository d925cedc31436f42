"""Passwords are hidden, chosen files are told, the keyboard is followed into custom elements."""

from collections.abc import Iterator

import pytest
from agentkit_envs.browser.see.changes import changes
from agentkit_envs.browser.see.element_lines import write_line
from envs.browser_looks import Tab, tab
from envs.browser_pages import needs_chromium

pytestmark = needs_chromium

CUSTOM = """<script>customElements.get("x-field") || customElements.define("x-field",
  class extends HTMLElement {
    connectedCallback() {
      this.attachShadow({ mode: "open" }).innerHTML = this.title
        ? `<input type=password aria-label=Secret value="inside"><x-field></x-field>`
        : "<p>st</p><input aria-label=Inner>";
    }
  });</script>"""


@pytest.fixture(scope="module")
def shown() -> Iterator[Tab]:
    """A tab of the real Chromium."""
    with tab() as opened:
        yield opened


def seen(shown: Tab) -> list[str]:
    """What a thorough look says of the page."""
    return [write_line(element) for element in shown.look(thorough=True).elements]


def leads_to(shown: Tab, ref: str | None, label: str) -> None:
    """The reference is of the element with that label."""
    place = shown.page.locator(f"aria-ref={shown.references.playwright[ref or '']}")
    assert shown.run(place.get_attribute("aria-label", timeout=1000)) == label


def test_passwords_are_hidden_with_their_length(shown: Tab) -> None:
    shown.show("""<input aria-label=User><input aria-label=Pass type=password>
        <input aria-label=Pin type=password value=1234>
        <iframe srcdoc="<input aria-label=In type=password value='two  words'>"></iframe>""")
    assert seen(shown) == [
        'e1 textbox "User"',
        'e2 textbox "Pass"',
        'e3 textbox "Pin" = "••••••••"',
        "e4 iframe",
        'e5 textbox "In" = "••••••••"',
    ]
    before = shown.look(thorough=True).elements
    shown.run(shown.page.fill("[aria-label=User]", "ada"))
    shown.run(shown.page.fill("[aria-label=Pass]", "S3cretPw"))
    told = changes(before, shown.look(thorough=True).elements)
    assert told == (
        '- e1 textbox "User"',
        '- e2 textbox "Pass"',
        '+ e1 textbox "User" = "ada"',
        '+ e2 textbox "Pass" = "••••••••"',
    )


def test_passwords_in_custom_elements_are_hidden(shown: Tab) -> None:
    shown.show("<x-field title=outer></x-field>" + CUSTOM)
    assert 'textbox "Secret" = "••••••••"' in "\n".join(seen(shown))


def test_what_was_typed_is_hidden_where_the_page_does_not_say_what_is_secret(shown: Tab) -> None:
    shown.show("<input aria-label=Pass type=password value=S3cretPw>")
    shown.evaluate("() => { document.querySelectorAll = () => { throw new Error('no') } }")
    assert seen(shown) == ['e1 textbox "Pass" = "••••••••"']


def test_a_field_for_files_says_which_are_chosen(shown: Tab) -> None:
    shown.show("<input type=file aria-label=One><input type=file multiple aria-label=Many>")
    before = shown.look(thorough=True).elements
    files = [{"name": name, "mimeType": "text/plain", "buffer": b"x"} for name in ("a.txt", "b")]
    shown.run(shown.page.set_input_files("[aria-label=Many]", files))
    assert changes(before, shown.look(thorough=True).elements) == (
        '- e2 button "Many" [file]',
        '+ e2 button "Many" [file] = "a.txt, b"',
    )
    leads_to(shown, "e1", "One")
    leads_to(shown, "e2", "Many")


@pytest.mark.parametrize("around", ["{}", '<p>Outside</p><iframe srcdoc="{}"></iframe>'])
def test_the_keyboard_is_followed_into_custom_elements(shown: Tab, around: str) -> None:
    inner = "<x-field></x-field>" + CUSTOM
    shown.show(around.format(inner.replace('"', "&quot;") if "srcdoc" in around else inner))
    frame = shown.page.frames[-1]
    shown.run(frame.locator("[aria-label=Inner]").focus())
    look = shown.look(thorough=True)
    [field] = [element for element in look.elements if element.name == "Inner"]
    assert (look.focused, field.states) == (field.ref, ("focused",))
    leads_to(shown, field.ref, "Inner")
    assert "generic" not in [e.role for e in look.elements if "focused" in e.states]
