// What an element is like just before it is acted on. Run by elements.py with the element.
(given) => {
  const tidy = (text) => String(text || "").replace(/\s+/g, " ").trim();
  const cut = (text, longest) => (text.length > longest ? text.slice(0, longest - 3) + "..." : text);
  const element = given.nodeType === Node.ELEMENT_NODE ? given : given.parentElement;
  if (!element || !element.isConnected) return { gone: true };
  const label = element.closest("label");
  const field = label && label.control && !element.matches("input, textarea, select, button")
    ? label.control : element;
  const tag = field.tagName.toLowerCase();
  const type = tag === "input" ? field.type : "";

  const rects = [...element.getClientRects()].filter((rect) => rect.width > 0 && rect.height > 0);
  const style = getComputedStyle(element);
  const shown = style.display === "contents"
    ? tidy(element.textContent) !== "" || element.children.length > 0
    : rects.length > 0 && style.visibility === "visible";

  // Whether it is inside of such an element, out of custom elements too.
  const within = (one, selector) =>
    !!one && (!!one.closest(selector) || within(one.getRootNode().host, selector));
  const described = (one) => ({
    tag: one.tagName.toLowerCase(),
    words: cut(tidy(one.getAttribute("aria-label") || one.innerText), 100),
    id: cut(tidy(one.id), 100),
  });

  // Where a click would hit, and the element there if it is another one. A frame can be covered by
  // what is outside of it, so the way out is gone as far as the frames are of the same origin.
  const aim = () => {
    const box = rects[0];
    let x = box.left + box.width / 2;
    let y = box.top + box.height / 2;
    if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return { out: true, cover: null };
    x = (Math.max(box.left, 0) + Math.min(box.right, innerWidth)) / 2;
    y = (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2;
    const root = element.getRootNode();
    const hit = root.elementFromPoint ? root.elementFromPoint(x, y) : null;
    if (hit && !isPartOfIt(hit, root)) return { out: false, cover: hit };
    for (let frame = window.frameElement; frame; frame = frame.ownerDocument.defaultView.frameElement) {
      const place = frame.getBoundingClientRect();
      x = place.left + (frame.clientLeft + x) * place.width / frame.offsetWidth;
      y = place.top + (frame.clientTop + y) * place.height / frame.offsetHeight;
      const first = frame.getRootNode().elementFromPoint(x, y);
      if (!first) return { out: true, cover: null };
      if (first !== frame) return { out: false, cover: first };
    }
    return { out: false, cover: null };
  };
  const isPartOfIt = (hit, root) => {
    if (hit === root.host) return true;
    // What is shown inside of it: a custom element shows in its button the words it was given.
    for (let one = hit; one; one = one.assignedSlot || one.parentElement || one.getRootNode().host) {
      if (one === element || one === label) return true;
      if (one.localName === "label" && (one.control === element || one.contains(element))) return true;
    }
    return false;
  };
  // Where to click a label instead of its middle, if a link of its own is there.
  const beside = () => {
    const whole = element.getBoundingClientRect();
    const root = element.getRootNode();
    const free = ([x, y]) => {
      const hit = root.elementFromPoint ? root.elementFromPoint(x, y) : null;
      return !!hit && label.contains(hit) && !hit.closest("a[href], button, select, textarea");
    };
    const [middle, ...places] = rects.slice(0, 20).flatMap(({ left, top, width, height }) => [
      [left + width / 2, top + height / 2], [left + 3, top + height / 2],
      [left + width - 3, top + height / 2], [left + width / 2, top + 3],
    ]);
    const place = free(middle) ? null : places.find(free);
    return place ? [place[0] - whole.left, place[1] - whole.top] : null;
  };
  const { out, cover } = shown && rects.length > 0 ? aim() : { out: false, cover: null };

  const options = tag === "select" ? [...field.options].slice(0, 2000).map((option) => ({
    words: tidy(option.label || option.text),
    value: option.value,
    disabled: option.disabled || !!(option.parentElement && option.parentElement.disabled),
  })) : [];
  const role = element.getAttribute("role") || "";
  return {
    gone: false,
    what: described(element),
    tag,
    type,
    shown,
    // As Playwright has it: aria-disabled of what it is inside of counts too.
    disabled: field.matches(":disabled") || within(element, '[aria-disabled="true"]'),
    inert: within(element, "[inert]"),
    writable: tag === "textarea" || tag === "input" || field.isContentEditable,
    readonly: !!field.readOnly || field.getAttribute("aria-readonly") === "true",
    checkable: type === "checkbox" || type === "radio" ||
      ["checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio", "option", "treeitem"]
        .includes(role),
    // What it is a label of is what is meant.
    labels: field !== element,
    beside: field !== element && shown && rects.length > 0 ? beside() : null,
    checked: field.checked === true,
    radio: type === "radio" || role === "radio",
    multiple: !!field.multiple,
    options,
    out,
    covered: cover ? described(cover) : null,
  };
}
