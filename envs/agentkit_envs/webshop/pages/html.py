"""Pages as HTML. All text from the catalogue is escaped; nothing is loaded from elsewhere."""

from html import escape

from agentkit_envs.webshop.pages.page import Page, Part

_TAGS = {"heading": "h2", "label": "h4", "text": "p", "option_name": "h4"}


def html(page: Page) -> str:
    """A whole document. Its body, without the tags, says what `original_text.text` says."""
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><title>WebShop</title></head>',
        f'<body id="{page.kind}">',
        *(_element(part) for part in page.parts),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines)


def _element(part: Part) -> str:
    words = escape(part.text)
    if part.kind == "button":
        box = '<input id="search_input" type="text" name="search_query">'
        button = f'<button class="btn" type="submit">{words}</button>'
        return f"{box}\n{button}" if part.text == "Search" else button
    if part.kind == "product":
        return f'<a class="product-link" href="#{words}">{words}</a>'
    if part.kind == "option":
        name = escape(part.name)
        mark = " checked" if part.pressed else ""
        return f'<label><input type="radio" name="{name}" value="{words}"{mark}>{words}</label>'
    if part.kind == "instruction":
        return f'<p id="instruction-text">{words}</p>'
    tag = _TAGS[part.kind]
    return f"<{tag}>{words}</{tag}>"
