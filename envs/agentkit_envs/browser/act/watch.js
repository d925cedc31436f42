// Count what changes on the page, and whether it is being left or waits. Run by settling.py.
() => {
  const seen = { changes: 0, leaving: false };
  const observer = new MutationObserver((records) => { seen.changes += records.length; });
  observer.observe(document, {
    attributes: true, characterData: true, childList: true, subtree: true,
  });
  const leaves = (event) => {
    if (!event.destination.sameDocument && event.downloadRequest === null) seen.leaving = true;
  };
  if (window.navigation) navigation.addEventListener("navigate", leaves);
  const ours = window[Symbol.for("agentkit")];
  seen.waits = () => Boolean(ours) && performance.now() < ours.due;
  seen.stop = () => {
    observer.disconnect();
    if (window.navigation) navigation.removeEventListener("navigate", leaves);
  };
  return seen;
}
