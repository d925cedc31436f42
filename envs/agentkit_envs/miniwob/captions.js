// Captions of what has no words. An icon, a coloured box or a drawn shape says nothing to who reads
// a page as text. It is named here by what its markup says: its class and id, its colour, and where
// and how large it is. What can be pressed and has no role is marked, so that it is a line of its
// own; if there is nothing inside of it, it is a button. All this is renewed every time, since a
// press may change a class.
(() => {
  const CAPTION = 'aria-label';
  const OURS = 'data-agentkit-caption';
  const PRESS = 'data-agentkit-press';
  const BUTTON = 'data-agentkit-button';
  const HIDDEN = 'data-agentkit-hidden';
  const NOT_SHOWN = '#reward-display, #click-canvas, #sync-task-cover, script, style, template';
  const NAMED = '[role], button, a, label, [contenteditable=true]';
  const CONTROLS = 'input, select, textarea, option, label, br, hr, iframe';
  const PLAIN = 'body, #wrap, #area, #query, svg, input, select, textarea, option, button, a, ' +
    'label, [role]';
  const DECORATION = /^(triangle|caret|arrowthick|closethick|grip)/;
  const ICON = 'ui-icon-';
  const DOT_PX = 2; // a point of a plot: together they are a line, one says nothing
  const SMALL_PX = 20; // of what is smaller it is of no use to know where it is
  const BUTTON_PX = 40; // what is drawn on something smaller is its picture, not its parts
  const COLOURS = {
    '#000000': 'black', '#ffffff': 'white', '#ff0000': 'red', '#00ff00': 'lime',
    '#008000': 'green', '#0000ff': 'blue', '#ffff00': 'yellow', '#00ffff': 'aqua',
    '#ff00ff': 'magenta', '#800080': 'purple', '#ffa500': 'orange', '#808080': 'grey',
    '#ffc0cb': 'pink', '#a52a2a': 'brown', '#c0c0c0': 'silver', '#800000': 'maroon',
    '#808000': 'olive', '#008080': 'teal', '#000080': 'navy', '#d3d3d3': 'light grey',
  };

  // The session notes in every document which elements listen to the mouse.
  const isPressed = (element) =>
    window[Symbol.for('agentkit')].listening.has(element) || Boolean(element.onclick);
  const colour = (text) => {
    const parts = (text.match(/[\d.]+/g) || []).map(Number);
    if (!text.startsWith('rgb') || parts[3] === 0) return '';
    const code = '#' + parts.slice(0, 3).map((part) => part.toString(16).padStart(2, '0')).join('');
    return COLOURS[code] || code;
  };
  const point = (x, y) => `(${Math.round(x)}, ${Math.round(y)})`;
  const place = (box) =>
    `${Math.round(box.width)} x ${Math.round(box.height)} ` +
    `at ${point(box.x + box.width / 2, box.y + box.height / 2)}`;

  // Letters without a size cannot be seen, such as the number of a card that lies face down.
  let unseen = new Set();
  const hasText = (element) => [...element.childNodes].some((node) =>
    node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '');
  const hasNoSize = (element) => getComputedStyle(element).fontSize === '0px';
  const isUnseen = (element) => hasText(element) && hasNoSize(element) && !isPressed(element) &&
    [...element.querySelectorAll('*')].every(hasNoSize);
  const textOf = (node) => {
    if (unseen.has(node)) return '';
    return node instanceof Element ? [...node.childNodes].map(textOf).join('') : node.textContent;
  };
  const words = (element) =>
    (unseen.size > 0 ? textOf(element) : element.textContent || '').trim();
  const said = (parts) => parts.filter(Boolean).join(', ');

  // The icon 'ui-icon ui-icon-zoomin' is called zoomin; what else begins with ui- says how jQuery UI
  // draws a thing.
  const icons = (element) => [...element.classList]
    .filter((name) => name.startsWith(ICON)).map((name) => name.slice(ICON.length));
  const markup = (element) => {
    const classes = [...element.classList];
    const own = classes.filter((name) => !name.startsWith('ui-'));
    const id = /^ui-id-/.test(element.id) ? '' : element.id;
    const inside = [...element.querySelectorAll('.ui-icon')].flatMap(icons);
    const named = [id, ...own, ...icons(element), ...inside].filter(Boolean);
    return (named.length ? named : classes.slice(0, 1).map((name) => name.slice(3))).join(' ');
  };

  const ends = (line) => {
    const matrix = line.getScreenCTM();
    const [from, to] = [[line.x1, line.y1], [line.x2, line.y2]].map(([x, y]) =>
      new DOMPoint(x.baseVal.value, y.baseVal.value).matrixTransform(matrix));
    return `from ${point(from.x, from.y)} to ${point(to.x, to.y)}`;
  };
  const shape = (element, look, box) => {
    const kind = element.tagName.toLowerCase();
    const name = kind === 'text' ? words(element) : kind;
    const own = markup(element) === kind ? '' : markup(element);
    if (kind === 'line') return said([name, own, colour(look.stroke), ends(element)]);
    const corners = kind === 'polygon' ? `${element.points.numberOfItems} corners` : '';
    const paint = colour(look.fill) || colour(look.stroke);
    return said([name, corners, own, paint, place(box)]);
  };
  const thing = (element, look, box) => {
    const paint = colour(look.backgroundColor);
    const large = Math.max(box.width, box.height) > SMALL_PX;
    return said([
      markup(element) || 'box', paint === 'white' ? '' : paint, large ? place(box) : '',
    ]);
  };

  const isShown = (element, box) =>
    box.width + box.height > 0 && element.checkVisibility({ visibilityProperty: true });
  const isIcon = (element, look) =>
    look.backgroundImage !== 'none' &&
    (words(element.parentElement) === '' || icons(element).some((name) => !DECORATION.test(name)));
  const isSeen = (element, look) =>
    isPressed(element) || isIcon(element, look) ||
    colour(look.backgroundColor) !== '' ||
    look.cursor !== getComputedStyle(element.parentElement).cursor;
  const isButton = (element, box) =>
    element.matches('button, a, [role=button]') ||
    (isPressed(element) && Math.max(box.width, box.height) <= BUTTON_PX);

  const isLeaf = (element) =>
    element.matches('span, div, b, i') && element.children.length === 0 &&
    !element.matches('.ui-draggable') && !element.closest('[contenteditable=true]');

  const captionOfDrawn = (element, look, box) => {
    const button = element.parentElement.closest(`button, a, [role=button], [${PRESS}]:not(svg *)`);
    if (button && Math.max(button.clientWidth, button.clientHeight) <= BUTTON_PX) return '';
    if (element instanceof SVGGeometryElement || element instanceof SVGTextElement) {
      const isDot = Math.max(box.width, box.height) < DOT_PX && look.cursor !== 'pointer';
      return isDot ? '' : shape(element, look, box);
    }
    const isWhole = element instanceof SVGSVGElement || element.matches('canvas');
    return isWhole ? said([markup(element), 'drawing', place(box)]) : '';
  };
  const captionOfPlain = (element, look, box) => {
    if (element.matches('.ui-draggable')) return thing(element, look, box);
    if (element.matches('textarea') && element.labels.length === 0) {
      return element.placeholder ? '' : 'text area'; // else it is told like a line of text
    }
    if (words(element) !== '' || element.matches(CONTROLS)) return '';
    if (isButton(element, box)) return thing(element, look, box);
    if ([...element.children].some((child) => !unseen.has(child))) return '';
    const around = element.parentElement.closest(NAMED);
    const isNamed = around && (words(around) !== '' || around.hasAttribute(CAPTION));
    if (isNamed && !icons(element).some((name) => !DECORATION.test(name))) return '';
    return isSeen(element, look) ? thing(element, look, box) : '';
  };
  const captionOf = (element) => {
    if (element.hasAttribute(CAPTION) || element.title || element.alt) return '';
    const box = element.getBoundingClientRect();
    if (!isShown(element, box)) return '';
    const look = getComputedStyle(element);
    return element instanceof SVGElement || element.matches('canvas')
      ? captionOfDrawn(element, look, box) : captionOfPlain(element, look, box);
  };

  const renew = () => {
    for (const [mark, attribute] of [[OURS, CAPTION], [BUTTON, 'role'], [HIDDEN, 'aria-hidden']]) {
      for (const element of document.querySelectorAll(`[${mark}]`)) {
        element.removeAttribute(attribute);
        element.removeAttribute(mark);
      }
    }
    unseen = new Set([...document.body.querySelectorAll('*')].filter(isUnseen));
    for (const element of unseen) {
      element.setAttribute('aria-hidden', 'true');
      element.setAttribute(HIDDEN, '');
    }
    for (const element of document.body.querySelectorAll('*')) {
      if (element.closest(NOT_SHOWN) || element.closest(`[${HIDDEN}]`)) continue;
      const isPress = isPressed(element) && !element.matches(PLAIN);
      element.toggleAttribute(PRESS, isPress);
      if (isPress && isLeaf(element)) {
        element.setAttribute('role', 'button');
        element.setAttribute(BUTTON, '');
      }
      const caption = captionOf(element);
      if (caption) {
        element.setAttribute(CAPTION, caption);
        element.setAttribute(OURS, '');
      }
    }
  };

  // The words of an element, with the captions of what has none in brackets.
  const reading = (element) => {
    if (element.hasAttribute(OURS)) return ` [${element.getAttribute(CAPTION)}] `;
    return [...element.childNodes].map((node) =>
      (node instanceof Element ? reading(node) : node.textContent)).join('');
  };

  Object.defineProperty(window, 'agentkitCaptions', { value: { renew, reading } });
})();
