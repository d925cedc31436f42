// Notes which elements listen to a mouse, and which keep their inside closed, because a page does not
// tell. Run in every document before its own scripts; what is noted is read by labels.js.
(() => {
  const acting = new Set([
    "click", "dblclick", "mousedown", "mouseup", "pointerdown", "pointerup", "touchstart",
    "touchend", "dragstart",
  ]);
  const listening = new WeakSet();
  const { apply } = Reflect;
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
  Object.defineProperty(window, Symbol.for("agentkit"), { value: { closed, listening } });
})();
