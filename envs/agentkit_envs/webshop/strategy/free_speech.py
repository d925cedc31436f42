"""What free speech asks for: "I need a waterproof lamp with a remote control, in color red"."""

import re

from agentkit_envs.webshop.strategy.named_options import Choice, named_options
from agentkit_envs.webshop.strategy.synonyms import leading_quality

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_REQUEST = re.compile(
    r"\b(?:looking for|looking to|searching for|search for|shopping for|hunting for|trying to"
    r"|in need of|in the market for|interested in|time for|(?:i|we) need|what i need|need me"
    r"|(?:i|we) want|wants?|(?:i|we) would like|(?:i|we)'d like|find|show me|get|buy|order"
    r"|purchase|do you have|pick up|which)\b"
)
_OPENING = re.compile(
    r"^(?:(?:hi|hello|hey|please|kindly|can|could|would|will|you|i'm|i'd|i'll|im|id|i|am|we're|we'd|we"
    r"|let's|lets|my|our|friend|neighbor|neighbour|mother|sister|asked|what|which|me|need|needs"
    r"|want|wants|like|love|wish|hoping|trying|looking|searching|search|shopping|seeking|hunting"
    r"|interested|after|for|to|find|get|buy|purchase|order|have|show|help|give|do|is|it's|its|time"
    r"|in|of|the|market|pick|up|out|also|some|any|an?|new|good|nice)\b[\s,!']*)+"
)
_CONTAINER = re.compile(
    r"^(?:pair|pairs|set|box|bottle|bag|pack|jar|tube|can|case|piece|bunch|package) of\s+"
)
_OWNER = re.compile(r"\b(?:women|men|girl|boy|children|kid|baby)'?s'?\s")
_FOLLOW_UP = re.compile(
    r"^(?:it(?!'?s time)|they|these|this one|choose|pick|take|for the options|make sure"
    r"|what matters|ideally|preferably|and|also|the)\b"
)
_JOINTS = re.compile(
    r"\s*(?:[;:!?]|,(?!\d{3}\b)|\.(?!\d)|\b(?:for the options|with|for|and|that|which|who|in"
    r"|made (?:of|from|out of|with|by)|made|featuring|having|has|have|had|is|are|be|being|comes?"
    r"|from|must|should|needs? to|it|they|make sure|also|can|you|usable|good|covered|suitable|but"
    r"|so|i|would|me|please|what matters|nothing fancy|plus|both|very)\b)\s*"
)
_LEFT_OVER = re.compile(r"\s+(?:in|of|at|from)$")
_RICH_IN = re.compile(r"\b(light|low|high|rich) in (\w+)")
_CHOOSING = ("take", "choose", "pick", "select")
_ARTICLE = re.compile(r"^(?:an?|the|my|your|our|some|any|its|their|to|of)\s+|^'\w+\s*")
_QUALITY = re.compile(
    r"^(?:(?:easy|quick|simple|safe|ready|light|good|low|high|free) (?:to|in|of|from|on|for) \w+"
    r"|(?:high|low|super|ultra|long|fast|quick|heavy|natural) \w+|non[ -]\w+|anti[ -]\w+|no \w+"
    r"|[\w-]+ (?:free|proof|resistant|friendly|washable|lined|tested|certified|plated|lasting|duty"
    r"|fit|weight|century|sided|assembled|mounted|absorbing|cancell?ing|saving|efficient|drying"
    r"|wicking|leg|waist|neck|sleeves?|toe|based|caught|dried|grade|made|control|tufted|size|steel"
    r"|wood|leather)"
    r"|[a-z]{2,}-[a-z]+|[a-z]{3,}(?:able|ible|less|proof|ous|weight|free))\s+(?=\w)"
)


def heard(text: str) -> tuple[str, list[str], list[Choice]]:
    """The kind of product, the attributes and the options of a text in lower case."""
    options, rest = named_options(text)
    parts = (part.strip(" ,.!?") for part in _SENTENCE_END.split(rest))
    sentences = [part for part in parts if part]
    if not sentences:
        return "", [], options
    head = _head(sentences)
    product, attributes = _noun_and_qualities(sentences[head])
    for sentence in sentences[head + 1 :]:
        attributes += _phrases(sentence)
    return product, [name for name in dict.fromkeys(attributes) if name != product], options


def _head(sentences: list[str]) -> int:
    """Which sentence names the product: the last request, or else the first sentence."""
    requests = [
        place
        for place, sentence in enumerate(sentences)
        if _REQUEST.search(sentence)
        and not _FOLLOW_UP.match(sentence)
        and "something" not in sentence
        and without_opening(sentence)
    ]
    return requests[-1] if requests else 0


def _noun_and_qualities(sentence: str) -> tuple[str, list[str]]:
    """The kind of product and the attributes of "an easy to clean, red lamp with a dimmer"."""
    plain = _CONTAINER.sub("", without_opening(sentence))
    # The head ends at the first joint that is no comma: "a, b lamp | with c".
    first = re.split(r"\s(?:with|for|that|which|in|made|featuring|from)\s|[.;:?!]\s", plain)[0]
    before = [part.strip() for part in re.split(r",(?!\d{3}\b)|\band\b", first) if part.strip()]
    attributes, noun = before[:-1], before[-1] if before else ""
    if owner := _OWNER.search(noun):
        attributes.append(noun[: owner.start()].strip())
        noun = noun[owner.start() :]
    while quality := _leading(noun):
        attributes.append(quality)
        noun = noun[len(quality) :].strip()
    attributes += _phrases(plain[len(first) :])
    tidy = [_ARTICLE.sub("", name) for name in attributes]
    return _LEFT_OVER.sub("", noun.strip()), [name for name in tidy if name]


def _leading(noun: str) -> str:
    """The quality in front of a noun: "easy to clean" of "easy to clean lamp"."""
    match = _QUALITY.match(noun)
    return match[0].strip() if match else leading_quality(noun)


def without_opening(text: str) -> str:
    """The text without "I am looking for a" and the like."""
    return _OPENING.sub("", text)


def _phrases(text: str) -> list[str]:
    """The attributes in what follows the product: "with a b and that is c"."""
    joined = _RICH_IN.sub(r"\1 \2", text)
    pieces = [_ARTICLE.sub("", piece.strip()) for piece in _JOINTS.split(joined)]
    return [piece for piece in pieces if len(piece) > 1 and piece not in _CHOOSING]
