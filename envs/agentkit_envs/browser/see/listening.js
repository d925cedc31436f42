// Notes which elements listen to a mouse, because a page does not tell. Run in every document before
// its own scripts; what is noted is read by labels.js.
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
  Object.defineProperty(window, Symbol.for("agentkit"), { value: { listening } });
})();
