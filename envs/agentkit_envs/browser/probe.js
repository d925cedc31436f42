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

  const described = (one) => ({
    tag: one.tagName.toLowerCase(),
    words: cut(tidy(one.getAttribute("aria-label") || one.innerText), 100),
    id: cut(tidy(one.id), 100),
  });

  // The element that a click in the middle would hit, if it is another one.
  const cover = () => {
    let box = rects[0];
    const inside = () => {
      const x = (Math.max(box.left, 0) + Math.min(box.right, innerWidth)) / 2;
      const y = (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2;
      return [x, y];
    };
    const middle = [box.left + box.width / 2, box.top + box.height / 2];
    const out = middle[0] < 0 || middle[1] < 0 || middle[0] > innerWidth || middle[1] > innerHeight;
    if (out) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      box = [...element.getClientRects()].find((rect) => rect.width > 0 && rect.height > 0);
      if (!box) return null;
    }
    const root = element.getRootNode();
    const hit = root.elementFromPoint ? root.elementFromPoint(...inside()) : null;
    if (!hit || element.contains(hit)) return null;
    const host = root.host;
    if (host && hit === host) return null;
    const other = hit.closest("label");
    if (other && (other.control === element || other.contains(element))) return null;
    if (label && label.contains(hit)) return null;
    return described(hit);
  };

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
    disabled: field.matches(":disabled") || !!element.closest('[aria-disabled="true"]'),
    inert: !!element.closest("[inert]"),
    writable: tag === "textarea" || tag === "input" || field.isContentEditable,
    readonly: !!field.readOnly || field.getAttribute("aria-readonly") === "true",
    checkable: type === "checkbox" || type === "radio" ||
      ["checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio", "option", "treeitem"]
        .includes(role),
    radio: type === "radio" || role === "radio",
    multiple: !!field.multiple,
    options,
    covered: shown && rects.length > 0 ? cover() : null,
  };
}
