// Finds what a snapshot would not tell well. Run by marking.py with the frame's number; it gets an
// object back that no script of the page can reach: `label()` gives each a label of ours and says what
// the labels stand for, `restore()` takes them away.
//
// The snapshot has no line for a word that can be clicked but is no link, nor for an icon or a
// coloured box that listens. It drops texts of more than 900 characters that are their element's
// name, and what a field holds if it is the same as its name. It has nothing to call a button by that
// is only a picture, and it leaves out states such as expanded=false. A checkbox that is hidden behind
// its label has no reference there: for as long as it takes, the label is the checkbox.
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
  const TELLING = `${NATIVE}, ${ROLE}, li, td, th, progress, meter`;
  const LENGTHY = "td, th, h1, h2, h3, h4, h5, h6, a[href], button, summary";
  const NAMELESS = "a[href], button, input, select, textarea, [role=button], [role=link]";
  const BEHIND = /^(checkbox|radio|file|range|color|date|datetime-local|month|time|week)$/;
  const ROLES = ["checkbox", "menuitemcheckbox", "menuitemradio", "radio", "switch"];
  const IMPLIED = { checkbox: "checkbox", file: "button", radio: "radio", range: "slider" };
  const FORMS = { color: "#rrggbb", date: "YYYY-MM-DD", "datetime-local": "YYYY-MM-DDTHH:MM",
    month: "YYYY-MM", time: "HH:MM", week: "YYYY-Www" };
  // What is turned on and off has a label in both states, so that it keeps its reference.
  const TURNED = "[aria-expanded], [aria-pressed], [aria-selected]:is([role=tab], [role=treeitem])";
  const STATED = `${TURNED}, input, select, textarea, summary, progress, meter, [aria-required=true],
    [aria-current], [aria-haspopup], [aria-valuemin], [aria-valuemax], [aria-valuenow],
    [aria-valuetext], [inert], [inert] *`;
  const OF_PAGES = /^[\w.:+#-]{1,40}$/; // the values that a state may have
  const HANDLERS = ["onclick", "ondblclick", "onmousedown", "onmouseup", "onpointerdown",
    "onpointerup", "ontouchstart", "ontouchend"];
  const HANDS = ["pointer", "move", "grab", "-webkit-grab"];

  if (!window[OURS]) Object.defineProperty(window, OURS, { value: { listening: new WeakSet() } });
  const state = window[OURS];
  state.ids = state.ids || new WeakMap();
  state.last = state.last || 0;

  const tidy = (text) => (text || "").replace(SPACES, " ").trim();
  const words = (element) => tidy(element.textContent);
  const candidates = new Set(); // what may have a state that a snapshot leaves out
  const isInert = (element) =>
    !!element && (element.closest("[inert]") !== null || isInert(element.getRootNode().host));
  const elements = (root, inert = false) => {
    for (const element of root.querySelectorAll(inert ? TELLING : STATED)) candidates.add(element);
    return [...root.querySelectorAll("*")].flatMap((element) => element.shadowRoot
      ? [element, ...elements(element.shadowRoot, inert || isInert(element))] : [element]);
  };
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
    const drawn = element.localName === "use" || element.localName === "img" ? element.getAttribute("href") ||
      element.getAttribute("xlink:href") || element.getAttribute("src") || "" : "";
    const file = drawn.startsWith("data:") ? "" : drawn.split(/[?]/)[0].split("/").pop();
    const source = file ? `[${file}]` : "";
    return tidy(element.localName + id + classes + source).slice(0, 80);
  };
  // It, and the picture in it, which may say more.
  const drawn = (element) => {
    const inner = [...element.getElementsByTagName("*")].slice(0, LARGE).map(described);
    return tidy(`${described(element)} ${inner.find((said) => /\W/.test(said)) || ""}`);
  };
  const named = (element) => tidy((element.getAttribute("aria-labelledby") || "").split(/\s+/)
    .map((id) => (id && element.getRootNode().getElementById(id)?.textContent) || "").join(" ")) ||
    tidy(element.getAttribute("aria-label"));
  const labelled = (field) => tidy([...field.labels || []].map((label) => label.textContent).join(" "));

  const wordless = (element) => {
    if (element.matches("html, body, " + NATIVE + ", " + ROLE)) return null;
    if (parent(element) && parent(element).closest("a[href], button, summary, label, select")) {
      return null;
    }
    const style = getComputedStyle(element);
    const states = isShown(element, style) ? uses(element, style) : [];
    if (states.length === 0) return null;
    const title = [...element.children].find((one) => one.matches("svg title"))?.textContent;
    const name = tidy(element.getAttribute("aria-label") || element.title || element.alt || title);
    return {
      states, name, text: name || words(element).slice(0, 200),
      label: tidy(`${drawn(element)} ${colour(style, element)}`),
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
    const inside = field ? [] : [...element.querySelectorAll("[alt], [title], [aria-label], title")];
    said.push(...inside.map((one) => one.alt || one.title || one.getAttribute("aria-label") ||
      one.textContent));
    if (said.some((one) => tidy(one) !== "")) return null;
    if (/^(submit|reset|file|image)$/.test(element.type) && element.localName === "input") return null;
    return { states: [], name: "", text: "", label: drawn(element), plain: false };
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

  // What can be told of an element besides, in the words of the markup.
  const statesOf = (element) => {
    const found = [];
    const is = (attribute, value) => element.getAttribute(attribute) === value;
    const tell = (state, value) => OF_PAGES.test(value || "") && found.push(`${state}=${value}`);
    const range = element.type === "range" && element.localName === "input";
    if (FORMS[element.type]) found.push(`form=${FORMS[element.type]}`);
    if (element.type === "file") found.push("file");
    tell("min", element.getAttribute("aria-valuemin") || element.min || (range ? "0" : ""));
    tell("max", element.getAttribute("aria-valuemax") || element.max || (range ? "100" : ""));
    tell("step", element.step);
    if (element.readOnly && element.matches("input, textarea")) found.push("readonly");
    if (element.required || is("aria-required", "true")) found.push("required");
    if (element.matches(":user-invalid")) found.push("invalid");
    if (element.matches("details > summary:first-of-type")) {
      found.push("clickable", element.parentElement.open ? "expanded" : "expanded=false");
    }
    if (is("aria-expanded", "false")) found.push("expanded=false");
    if (is("aria-pressed", "false")) found.push("pressed=false");
    if (is("aria-selected", "false")) found.push("selected=false");
    const current = element.getAttribute("aria-current") || "false";
    if (current === "true") found.push("current");
    else if (current !== "false") tell("current", current);
    if (!/^(|false)$/.test(element.getAttribute("aria-haspopup") || "")) found.push("popup");
    if (isInert(element)) found.push("inert");
    return found;
  };
  // What a slider, a bar or a meter stands at; of the browser's own fields a snapshot tells it.
  const standsAt = (element) => tidy(element.getAttribute("aria-valuetext") ||
    element.getAttribute(element.matches("progress, meter") ? "value" : "aria-valuenow")).slice(0, 80);
  const stated = (element) => {
    // One that had a label keeps it, or it would get another reference with another name.
    const had = state.ids.has(element);
    if (!(had || candidates.has(element)) || !element.matches(TELLING)) return null;
    const states = statesOf(element);
    const field = element.matches("input, select, textarea");
    const value = field ? "" : standsAt(element);
    if (states.length === 0 && value === "" && !had && !element.matches(TURNED)) return null;
    const button = /^(button|submit|reset|image|file)$/.test(element.type) ? element.value : "";
    const name = named(element) || (field
      ? labelled(element) || tidy(element.title || element.placeholder || button) ||
        (element.type === "file" ? "Choose File" : "")
      : isCrowd(element) ? words(element).slice(0, 200) : "");
    const text = name || words(element).slice(0, 200);
    return { states, name, text, label: drawn(element), plain: false, ...(value && { value }) };
  };
  const fact = (element) => {
    const first = base(element);
    const second = stated(element);
    if (!first || !second) return first || second;
    return { ...first, name: first.name || second.name, states: [...first.states, ...second.states] };
  };

  // A field that nobody could hit with the mouse; its label can be hit.
  const isOutOfReach = (field) => {
    const box = field.getBoundingClientRect();
    if (box.width < 3 || box.height < 3 || box.right + scrollX <= 0 || box.bottom + scrollY <= 0 ||
      box.left + scrollX >= Math.max(document.documentElement.scrollWidth, innerWidth)) return true;
    const style = getComputedStyle(field);
    if (style.visibility !== "visible" || style.pointerEvents === "none") return true;
    if (style.clip === "auto") return /inset\((50|100)%|circle\(0/.test(style.clipPath);
    const clip = (style.clip.match(/-?[\d.]+/g) || []).map(Number);
    return clip.length === 4 && (clip[1] - clip[3] < 3 || clip[2] - clip[0] < 3);
  };
  const visiblePart = (label) => [label, ...label.getElementsByTagName("*")]
    .find((one) => isShown(one, getComputedStyle(one)) && !one.matches(NATIVE.replace(" label,", "")));
  const behindLabel = (field) => {
    if (!BEHIND.test(field.type) || !isOutOfReach(field)) return null;
    const part = [...field.labels].map(visiblePart).find((found) => found && !facts.has(found));
    if (!part) return null;
    const own = ROLES.find((role) => field.getAttribute("role") === role);
    const name = named(field) || labelled(field) || tidy(field.title) || drawn(part);
    const states = [...statesOf(field), ...(field.getRootNode().activeElement === field ? ["focused"] : [])];
    const box = /^(checkbox|radio)$/.test(field.type);
    const files = [...field.files || []].map((file) => file.name).join(", ");
    const value = box ? "" : field.files ? files : field.value;
    return { part, told: { states, name, value, text: name, label: "", plain: false, puts: {
      role: own || IMPLIED[field.type] || "textbox", "aria-disabled": field.matches(":disabled"),
      ...(box ? { "aria-checked": field.indeterminate ? "mixed" : field.checked } : {}),
    } } };
  };
  // What is on the page, but in no line of a snapshot: areas of pictures, and closed custom elements.
  const at = (element) => {
    const box = element.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2].map(Math.round);
  };
  const areas = (map) => {
    const image = map.name && document.querySelector(`img[usemap="#${CSS.escape(map.name)}"]`);
    if (!image || !isShown(image, getComputedStyle(image))) return [];
    const box = image.getBoundingClientRect();
    return [...map.areas].filter((area) => area.href || listens(area)).map((area) => {
      const numbers = area.coords.split(",").map(Number);
      const middle = (odd) => {
        const some = numbers.filter((_, place) => place % 2 === odd);
        return (Math.min(...some) + Math.max(...some)) / 2;
      };
      const place = /^circ/.test(area.shape) ? numbers
        : area.shape === "default" || numbers.length < 4 ? [NaN, NaN] : [middle(0), middle(1)];
      const name = named(area) || tidy(area.alt || area.title || area.getAttribute("href"));
      return [name.slice(0, 80), Math.round(box.left + place[0]), Math.round(box.top + place[1])];
    });
  };
  const base = (element) => {
    if (element.hasAttribute("aria-labelledby") && named(element)) return null;
    if (element.matches(NAMELESS)) {
      const found = nameless(element);
      if (found !== null) return found;
    }
    if (element.matches("input, textarea")) return sameAsName(element);
    const long = element.matches(LENGTHY) ? tooLong(element) : null;
    return long || wordless(element);
  };

  const facts = new Map();
  const unseen = { areas: [], closed: [] };
  const all = elements(document);
  for (const element of all) {
    const hidden = element.localName === "input" && facts.size < MOST ? behindLabel(element) : null;
    if (hidden === null) continue;
    facts.set(hidden.part, hidden.told);
    facts.set(element, { states: ["hidden"], name: "", text: "", label: "", plain: false });
  }
  for (const element of all) {
    const found = facts.has(element) ? null : fact(element);
    if (found !== null) facts.set(element, found);
    if (element.localName === "map") unseen.areas.push(...areas(element));
    if (state.closed?.has(element) && isShown(element, getComputedStyle(element))) {
      unseen.closed.push([element.localName, ...at(element)]);
    }
    if (facts.size >= MOST) break;
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
        if (element.hasAttribute("aria-labelledby")) put(element, "aria-labelledby", "");
        if (element.getAttribute("aria-hidden") === "true") put(element, "aria-hidden", "false");
        if (found.plain) put(element, "role", "note");
        for (const [attribute, value] of Object.entries(found.puts || {})) put(element, attribute, value);
      }
      // Playwright takes a hundred times as long for the values one by one.
      return JSON.stringify({ told, unseen });
    },
    restore() {
      for (let at = undo.length - 1; at >= 0; at--) undo[at]();
      undo.length = 0;
    },
  };
}
