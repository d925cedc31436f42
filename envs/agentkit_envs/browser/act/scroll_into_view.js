// Where things are scrolled to: remembered, changed, put back. Run by approach.py with the element.
(() => {
  const element = (given) => (given.nodeType === Node.ELEMENT_NODE ? given : given.parentElement);

  // What the element is inside of, out to the window, with where each is scrolled to.
  const places = (given) => {
    const found = [];
    for (let one = element(given); one; ) {
      found.push([one, one.scrollLeft, one.scrollTop]);
      one = one.parentElement || one.getRootNode().host || one.ownerDocument.defaultView?.frameElement;
    }
    return found;
  };
  const restore = (found) => {
    for (const [one, left, top] of found) {
      if (one.scrollLeft !== left || one.scrollTop !== top) {
        one.scrollTo({ left, top, behavior: "instant" });
      }
    }
  };
  const align = (given, block) => {
    const one = element(given);
    if (block === "") one.scrollIntoViewIfNeeded();
    else one.scrollIntoView({ block, inline: "nearest", behavior: "instant" });
  };
  return { places, restore, align };
})()
