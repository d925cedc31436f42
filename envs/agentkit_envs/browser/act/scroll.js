// Scroll the part of the page that holds the element (null: the page) by pixels; whether it moved.
// Run by pointing.py. At once, not smoothly, so that what is looked at next is what will stay.
([element, right, down]) => {
  const page = document.scrollingElement || document.documentElement;
  const moves = (one) => {
    const before = [one.scrollLeft, one.scrollTop];
    one.scrollBy({ left: right, top: down, behavior: "instant" });
    return one.scrollLeft !== before[0] || one.scrollTop !== before[1];
  };
  const scrolls = (one) => {
    if (one === page) return true;
    const style = getComputedStyle(one);
    const can = (way) => way === "auto" || way === "scroll" || way === "overlay";
    return (down !== 0 && can(style.overflowY) && one.scrollHeight > one.clientHeight) ||
      (right !== 0 && can(style.overflowX) && one.scrollWidth > one.clientWidth);
  };
  if (element) {
    for (let one = element; one; one = one.parentElement || (one.getRootNode().host ?? null)) {
      if (scrolls(one) && moves(one)) return true;
    }
    return [...element.querySelectorAll("*")].some((one) => scrolls(one) && moves(one));
  }
  if (moves(page)) return true;
  // A page whose window does not scroll, but a part of it: the largest that can be seen.
  const seen = (one) => {
    const box = one.getBoundingClientRect();
    const wide = Math.min(box.right, innerWidth) - Math.max(box.left, 0);
    const high = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    return wide > 0 && high > 0 ? wide * high : 0;
  };
  return [...document.querySelectorAll("body *")]
    .filter((one) => scrolls(one) && seen(one) > 0)
    .map((one) => [seen(one), one])
    .sort((a, b) => b[0] - a[0])
    .some(([, one]) => moves(one));
}
