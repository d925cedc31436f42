// Begins a task and tells how it stands.
(() => {
  const TIME_LIMIT_MS = 2000000000; // the page's own limit, out of reach of any episode
  const GOAL = 'agentkit-goal';
  const STYLE = `
    #reward-display, #click-canvas, #sync-task-cover { display: none !important; }
    [data-agentkit-press] { cursor: pointer; }
    * { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
  `;
  const ADDRESS = /url\("?([^")]+)"?\)/g;
  const pictures = []; // kept, so that the browser keeps them at hand
  let begun = false;

  if (location.protocol.startsWith('http')) { // an episode finds nothing of the one before
    localStorage.clear();
    sessionStorage.clear();
  }

  const goal = () => {
    const told = core.getUtterance();
    const text = told.utterance || told;
    const query = document.getElementById('query');
    if (query.textContent.replace(/\s+/g, ' ').trim() !== text) return [text, told.fields || null];
    if (text.startsWith('{')) {
      const fields = JSON.parse(text);
      const listed = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
      return [`Search for a flight. ${listed.join('; ')}`, fields];
    }
    const read = agentkitCaptions.reading(query).replace(/\s+/g, ' ').trim();
    return [read, told.fields || null];
  };

  // The goal is said apart, so its lines on the page are known by a name, and left out there.
  const nameGoal = () => {
    const whole = document.getElementById('query-wrap') || document.getElementById('query');
    if (!whole.querySelector('button, input, a, [data-agentkit-press]')) {
      whole.setAttribute('role', 'note');
      whole.setAttribute('aria-label', GOAL);
    }
  };

  // Pictures that a style names are loaded when something is drawn with them, and until then an icon
  // has no width and cannot be seen. So all of them are loaded before.
  const loaded = (picture) => (picture.complete ? null
    : new Promise((done) => { picture.onload = picture.onerror = done; }));
  const load = async () => {
    const found = new Set();
    for (const sheet of document.styleSheets) {
      for (const rule of sheet.cssRules) {
        for (const [, address] of rule.cssText.matchAll(ADDRESS)) {
          found.add(new URL(address, sheet.href || location.href).href);
        }
      }
    }
    for (const address of found) {
      const picture = new Image();
      picture.src = address;
      pictures.push(picture);
    }
    await Promise.all(pictures.map(loaded));
  };
  const shown = async () => {
    await Promise.all([...document.images].map(loaded));
    await document.fonts.ready;
  };

  const begin = async (seed, ms) => {
    while (document.readyState !== 'complete') await agentkitClock.rest(2);
    const style = document.createElement('style');
    style.textContent = STYLE;
    document.head.append(style);
    await load();
    await agentkitClock.advance(ms); // what the page began when it was loaded
    document.body.removeEventListener('click', core.canvasDrawClick);
    Math.seedrandom(seed);
    core.EPISODE_MAX_TIME = TIME_LIMIT_MS;
    core.startEpisodeReal();
    core.clearTimer();
    while (!WOB_TASK_READY) await agentkitClock.rest(2);
    begun = true;
    const state = await wait(ms);
    const [text, fields] = goal();
    nameGoal();
    return { ...state, goal: text, fields };
  };

  const wait = async (ms) => {
    if (!begun) return null;
    await agentkitClock.advance(ms);
    await shown();
    agentkitCaptions.renew();
    const reason = WOB_REWARD_REASON;
    return {
      done: WOB_DONE_GLOBAL,
      reward: Number(WOB_RAW_REWARD_GLOBAL) || 0,
      reason: reason ? String(reason) : '',
    };
  };

  if (window === window.top) {
    Object.defineProperty(window, 'agentkitTask', { value: { begin, wait } });
  }
})();
