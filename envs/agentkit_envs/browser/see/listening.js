// Notes which elements listen to a mouse, and which keep their inside closed, because a page does not
// tell, how the browser's own functions are, because a page may replace them, and until when it waits.
// Run in every document before its own scripts; what is noted is read by labels.js and watch.js, and by
// whatever runs in `clean`.
(() => {
  const acting = new Set([
    "click", "dblclick", "mousedown", "mouseup", "pointerdown", "pointerup", "touchstart",
    "touchend", "dragstart",
  ]);
  const listening = new WeakSet();
  const { apply, defineProperty, deleteProperty, getOwnPropertyDescriptor, ownKeys } = Reflect;
  const note = (target, given) => {
    if (target instanceof Element && acting.has(given[0])) listening.add(target);
  };
  EventTarget.prototype.addEventListener = new Proxy(EventTarget.prototype.addEventListener, {
    apply(add, target, given) {
      note(target, given);
      return apply(add, target, given);
    },
  });
  const closed = new WeakSet();
  Element.prototype.attachShadow = new Proxy(Element.prototype.attachShadow, {
    apply(attach, element, given) {
      const root = apply(attach, element, given);
      if (root.mode === "closed") closed.add(element);
      return root;
    },
  });

  // Libraries give arrays a toJSON, or functions of their own in place of map, matches and others.
  const kept = [];
  const keep = (owner, keys) => {
    for (let at = 0; at < keys.length; at++) {
      const before = getOwnPropertyDescriptor(owner, keys[at]);
      if (!before || before.configurable) kept[kept.length] = [owner, keys[at], before];
    }
  };
  keep(window, ["Array", "CSS", "Element", "JSON", "Map", "Node", "Number", "Object",
    "SVGElement", "Set", "WeakMap", "getComputedStyle"]);
  const owners = [Array, JSON, Object, Array.prototype, Document.prototype, DOMTokenList.prototype,
    Element.prototype, HTMLElement.prototype, Map.prototype, Node.prototype, Number.prototype,
    Object.prototype, RegExp.prototype, Set.prototype, String.prototype, WeakMap.prototype,
    WeakSet.prototype];
  for (const owner of owners) keep(owner, ownKeys(owner));
  keep(Array.prototype, ["toJSON"]);
  keep(Object.prototype, ["toJSON"]);
  const put = (owner, key, how) => (how ? defineProperty(owner, key, how) : deleteProperty(owner, key));
  const same = (one, other) => one === other || (one && other && one.value === other.value &&
    one.get === other.get && one.set === other.set);
  // What comes of a function of ours, in which the browser's own functions are as they were.
  const clean = (run) => {
    const changed = [];
    for (let at = 0; at < kept.length; at++) {
      const owner = kept[at][0];
      const key = kept[at][1];
      const now = getOwnPropertyDescriptor(owner, key);
      if (!same(now, kept[at][2]) && put(owner, key, kept[at][2])) {
        defineProperty(changed, changed.length, { value: [owner, key, now] });
      }
    }
    try {
      return run();
    } finally {
      for (let at = 0; at < changed.length; at++) put(changed[at][0], changed[at][1], changed[at][2]);
    }
  };
  const state = { clean, closed, listening, due: 0 };
  Object.defineProperty(window, Symbol.for("agentkit"), { value: state });

  // Many pages wait before they answer: for the next letter of a word, or for the end of a movement.
  const SOON_MS = 400;
  const { max } = Math;
  const now = performance.now.bind(performance);
  window.setTimeout = new Proxy(window.setTimeout, {
    apply(set, self, given) {
      const ms = given[1];
      if (typeof ms === "number" && ms > 0 && ms <= SOON_MS) state.due = max(state.due, now() + ms);
      return apply(set, self, given);
    },
  });
})();
