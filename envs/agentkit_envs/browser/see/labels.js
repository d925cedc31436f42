// Finds what a snapshot would not tell well. Run by marking.py with the frame's number; it gets an
// object back that no script of the page can reach: `label()` gives each a label of ours and says what
// the labels stand for, `restore()` takes them away.
//
// The snapshot has no line for a word that can be clicked but is no link, nor for an icon or a
// coloured box that listens. It drops texts of more than 900 characters that are their element's
// name, and what a field holds if it is the same as its name. And it has nothing to call a button by
// that is only a picture.
(frame) => {
  const OURS = Symbol.for("agentkit");
  const MOST = 500;
  const LONG = 900; // of a longer name the snapshot says nothing
  const LARGE = 12; // what listens and has more inside is taken for a part of the page, not a thing
  const SPACES = /\s+/g;
  const NATIVE = "a[href], button, input, select, textarea, option, summary, label, iframe, frame";
  const ROLE = '[role]:not([role=""], [role=none], [role=presentation], [role=generic])';
  const SAYING = "li, ul, ol, dl, dt, dd, table, tbody, thead, tfoot, tr, td, th, caption, h1, h2, h3, " +
    "h4, h5, h6, p, img, svg, form, nav, main, header, footer, section, article, aside, figure, " +
    "fieldset, details, dialog, blockquote, code, em, strong, del, ins, sub, sup, time, meter, " +
    "progress, output, address, mark, math, hr";
  const LENGTHY = "td, th, h1, h2, h3, h4, h5, h6, a[href], button, summary";
  const NAMELESS = "a[href], button, input, select, textarea, [role=button], [role=link]";
  const HANDLERS = ["onclick", "ondblclick", "onmousedown", "onmouseup", "onpointerdown",
    "onpointerup", "ontouchstart", "ontouchend"];
  const HANDS = ["pointer", "move", "grab", "-webkit-grab"];

  if (!window[OURS]) Object.defineProperty(window, OURS, { value: { listening: new WeakSet() } });
  const state = window[OURS];
  state.ids = state.ids || new WeakMap();
  state.last = state.last || 0;

  const tidy = (text) => (text || "").replace(SPACES, " ").trim();
  const words = (element) => tidy(element.textContent);
  const elements = (root) => [...root.querySelectorAll("*")].flatMap((element) =>
    element.shadowRoot ? [element, ...elements(element.shadowRoot)] : [element]);
  const parent = (element) => element.parentElement || element.getRootNode().host || null;

  const isShown = (element, style) => {
    if (style.visibility !== "visible" || style.pointerEvents === "none") return false;
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  const listens = (element) => state.listening.has(element) ||
    HANDLERS.some((handler) => typeof element[handler] === "function");
  const isCrowd = (element) => element.querySelector(NATIVE + ", " + ROLE) !== null ||
    element.getElementsByTagName("*").length > LARGE;

  // What somebody can do with an element that has no role, as far as that can be known.
  const uses = (element, style) => {
    const around = parent(element);
    const hand = HANDS.includes(style.cursor) &&
      !(around && getComputedStyle(around).cursor === style.cursor);
    const found = [];
    if (element.isContentEditable && !(around && around.isContentEditable)) found.push("editable");
    if (element.getAttribute("draggable") === "true") found.push("draggable");
    if (found.length > 0 || element.tabIndex >= 0 || element.localName === "canvas") {
      found.push("clickable");
    } else if (hand) {
      // The snapshot has a line for a block of words under a hand.
      if (style.display === "inline" || words(element) === "") found.push("clickable");
    } else if (listens(element) && !isCrowd(element)) {
      found.push("clickable");
    }
    return found;
  };

  const colour = (style, element) => {
    const paint = element instanceof SVGElement ? style.fill : style.backgroundColor;
    const parts = (paint.match(/[\d.]+/g) || []).map(Number);
    if (!paint.startsWith("rgb") || parts[3] === 0) return "";
    return "#" + parts.slice(0, 3).map((part) => part.toString(16).padStart(2, "0")).join("");
  };
  // An element without words, as a selector would name it.
  const described = (element) => {
    const name = element.getAttribute("name");
    const id = element.id ? "#" + element.id : name ? `[name=${name}]` : "";
    const classes = [...element.classList].slice(0, 3).map((name) => "." + name).join("");
    return tidy(element.localName + id + classes).slice(0, 80);
  };

  const wordless = (element) => {
    if (element.matches("html, body, " + NATIVE + ", " + ROLE)) return null;
    if (parent(element) && parent(element).closest("a[href], button, summary, label, select")) {
      return null;
    }
    const style = getComputedStyle(element);
    const states = isShown(element, style) ? uses(element, style) : [];
    if (states.length === 0) return null;
    const name = tidy(element.getAttribute("aria-label") || element.title || element.alt);
    return {
      states, name, text: name || words(element).slice(0, 200),
      label: tidy(`${described(element)} ${colour(style, element)}`),
      plain: !element.matches(SAYING),
    };
  };
  // Buttons, links and fields that have no name at all.
  const nameless = (element) => {
    const field = element.matches("input, select, textarea");
    const said = [element.getAttribute("aria-label"), element.title, element.placeholder,
      element.alt, /^(button|submit|reset|image|file)$/.test(element.type) ? element.value : "",
      ...[...element.labels || []].map((label) => label.textContent),
      field ? "" : element.textContent];
    const inside = field ? null : element.querySelector("[alt], [title], [aria-label], title");
    if (inside !== null || said.some((one) => tidy(one) !== "")) return null;
    if (/^(submit|reset|file|image)$/.test(element.type) && element.localName === "input") return null;
    return { states: [], name: "", text: "", label: described(element), plain: false };
  };
  const sameAsName = (field) => {
    const value = tidy(field.value);
    const names = [field.getAttribute("aria-label"), field.placeholder, field.title,
      ...[...field.labels || []].map((label) => label.textContent)];
    if (value === "" || !names.some((name) => tidy(name) === value)) return null;
    return { states: [], name: value, text: value, label: "", plain: false };
  };
  const tooLong = (element) =>
    !element.hasAttribute("aria-label") && element.textContent.length > LONG
      ? { states: [], name: "", text: words(element).slice(0, 200), label: "", plain: false } : null;
  const fact = (element) => {
    if (element.hasAttribute("aria-labelledby")) return null;
    if (element.matches(NAMELESS)) {
      const found = nameless(element);
      if (found !== null) return found;
    }
    if (element.matches("input, textarea")) return sameAsName(element);
    const long = element.matches(LENGTHY) ? tooLong(element) : null;
    return long || wordless(element);
  };

  const facts = new Map();
  for (const element of elements(document)) {
    const found = fact(element);
    if (found !== null) facts.set(element, found);
    if (facts.size === MOST) break;
  }
  const undo = [];
  const put = (element, attribute, value) => {
    const before = element.getAttribute(attribute);
    undo[undo.length] = () => (before === null
      ? element.removeAttribute(attribute) : element.setAttribute(attribute, before));
    element.setAttribute(attribute, value);
  };
  return {
    label() {
      const told = {};
      for (const [element, found] of facts) {
        if (!state.ids.has(element)) state.ids.set(element, ++state.last);
        const key = `${frame}-${state.ids.get(element)}`;
        told[key] = found;
        put(element, "aria-label", `\ue000${key}\ue001`);
        if (found.plain) put(element, "role", "note");
      }
      return JSON.stringify(told); // Playwright takes a hundred times as long for the values one by one
    },
    restore() {
      for (let at = undo.length - 1; at >= 0; at--) undo[at]();
      undo.length = 0;
    },
  };
}
