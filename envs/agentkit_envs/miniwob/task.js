// Begins a task and tells how it stands.
(() => {
  const TIME_LIMIT_MS = 2000000000; // the page's own limit, out of reach of any episode
  const GOAL = 'agentkit-goal';
  const STYLE = `
    #reward-display, #click-canvas, #sync-task-cover { display: none !important; }
    [data-agentkit-press] { cursor: pointer; }
    * { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
  `;
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

  const begin = async (seed, ms) => {
    while (document.readyState !== 'complete') await agentkitClock.rest(2);
    const style = document.createElement('style');
    style.textContent = STYLE;
    document.head.append(style);
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
