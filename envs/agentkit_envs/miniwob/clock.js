// A clock that stands still until it is told to go on: the time of a page is then the same in
// every episode with the same actions, and what a page waits for costs no real time. It runs in
// every frame before the page's own scripts. Chance is made repeatable too.
(() => {
  const BEGINNING = Date.UTC(2026, 0, 1, 9);
  const FRAME_MS = 16;

  const RealDate = Date;
  const realTimeout = window.setTimeout.bind(window);
  const jobs = new Map();
  let now = 0;
  let count = 0;
  let chance = 1;

  // A job waits at least 1 ms, so that one that orders itself again does not stop the time.
  const order = (call, ms, again) => {
    const wait = Math.max(Number(ms) || 0, 1);
    count += 1;
    jobs.set(count, { call, at: now + wait, every: again ? wait : 0, number: count });
    return count;
  };
  const cancel = (number) => { jobs.delete(Number(number)); };
  const called = (what, given) => () =>
    (typeof what === 'function' ? what.apply(window, given) : (0, eval)(String(what)));

  window.setTimeout = (what, ms, ...given) => order(called(what, given), ms, false);
  window.setInterval = (what, ms, ...given) => order(called(what, given), ms, true);
  window.requestAnimationFrame = (what) =>
    order(() => what(now), FRAME_MS - (now % FRAME_MS), false);
  for (const name of ['clearTimeout', 'clearInterval', 'cancelAnimationFrame']) {
    window[name] = cancel;
  }

  window.Date = new Proxy(RealDate, {
    construct: (target, given, made) =>
      Reflect.construct(target, given.length ? given : [BEGINNING + now], made),
    apply: () => new RealDate(BEGINNING + now).toString(),
    get: (target, name) => (name === 'now' ? () => BEGINNING + now : Reflect.get(target, name)),
  });
  RealDate.prototype.constructor = window.Date;
  performance.now = () => now;

  // Lehmer's generator, until the page is given the seed of the episode.
  Math.random = () => {
    chance = (chance * 48271) % 2147483647;
    return (chance - 1) / 2147483646;
  };

  const due = (until) => {
    let first = null;
    for (const job of jobs.values()) {
      if (job.at > until) continue;
      if (first === null || job.at < first.at || (job.at === first.at && job.number < first.number)) {
        first = job;
      }
    }
    return first;
  };

  const run = async (job) => {
    now = Math.max(now, job.at);
    if (job.every) job.at = now + job.every;
    else jobs.delete(job.number);
    try {
      job.call();
    } catch (error) {
      reportError(error);
    }
    await null; // what the job promised comes before the next one
  };

  const advance = async (ms) => {
    const until = now + ms;
    for (let job = due(until); job !== null; job = due(until)) await run(job);
    now = until;
    for (let index = 0; index < window.frames.length; index += 1) {
      const clock = window.frames[index].agentkitClock;
      if (clock) await clock.advance(ms);
    }
  };

  const rest = (ms) => new Promise((done) => { realTimeout(done, ms); });
  Object.defineProperty(window, 'agentkitClock', { value: { advance, rest } });
})();
