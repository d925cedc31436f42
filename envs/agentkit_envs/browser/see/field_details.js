// What a snapshot does not tell of a frame's fields. Run by details.py, which looks closer where it
// must: what its password fields hold, whether files are chosen in it, and whether the keyboard is
// inside of a custom element.
() => {
  const fields = (root) => [...root.querySelectorAll("*")].flatMap((element) =>
    element.shadowRoot ? fields(element.shadowRoot) : element.localName === "input" ? [element] : []);
  const tidy = (text) => text.replace(/[\u200b\u00ad]/g, "").replace(/\s+/g, " ").trim();
  const inputs = fields(document);
  const active = document.activeElement;
  return JSON.stringify({
    secrets: inputs.filter((input) => input.type === "password").map((input) => tidy(input.value)),
    chosen: inputs.some((input) => input.type === "file" && input.files.length > 0),
    within: Boolean(active && active.shadowRoot && active.shadowRoot.activeElement),
  });
}
