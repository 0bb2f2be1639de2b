// The explorable at work: sliders, cases, links, and everything that is refitted at each move.
import { CASES } from "./cases.mjs";
import { ELLIPSE } from "./ellipse.mjs";
import { PARADOX } from "./paradox.mjs";
import { points, sliderText } from "./words.mjs";

const SCENES = { paradox: PARADOX, ellipse: ELLIPSE };
const NAMES = { pooled: "pooled slope", partial: "slope of the random-intercept model" };
const [MOVE, PAUSE] = [900, 800]; // milliseconds: a case's motion; no movement before a summary

export function mount(host) {
  if (host.dataset.mounted) return;
  host.dataset.mounted = "yes";
  if (!document.getElementById("explorable-style")) {
    const style = Object.assign(document.createElement("style"), { id: "explorable-style" });
    style.textContent = STYLE;
    document.head.append(style);
  }
  const setup = JSON.parse(host.dataset.setup);
  const { sliders, start, book } = setup;
  const scene = SCENES[setup.scene];
  const atBook = Object.keys(start).every((name) => start[name] === book.values[name]);
  const reset = atBook ? "Back to the book’s world" : "Back to the start";
  host.innerHTML = scene.template(host.id, setup, reset);
  const { analyse, draw, summary } = scene.open(host, setup);
  const find = (selector) => host.querySelector(selector);
  const inputs = [...host.querySelectorAll("input[type=range]")];
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  let values = { ...start };
  let now = analyse(values);
  let told = now; // what a listener has heard of
  let frame = 0;
  let pause = 0;

  function show() {
    frame = 0;
    now = analyse(values);
    draw(now, values);
    for (const input of inputs) {
      const { unit } = sliders[input.name];
      const text = sliderText(sliders[input.name], values[input.name]);
      input.value = values[input.name];
      input.setAttribute("aria-valuetext", unit ? `${text} points ${unit}` : text);
      find(`[data-value=${input.name}]`).textContent = text;
    }
    clearTimeout(pause);
    pause = setTimeout(tell, PAUSE);
  }

  function tell() {
    const said = summary(told, now);
    told = now;
    if (said) find(".said").textContent = said;
  }

  const soon = () => (frame ||= requestAnimationFrame(show));

  function moveTo(target, done = () => {}) {
    cancelAnimationFrame(frame);
    const [from, begin] = [values, performance.now()];
    const step = (time) => {
      const t = still.matches ? 1 : Math.min(1, Math.max(0, (time - begin) / MOVE));
      const eased = t * t * (3 - 2 * t);
      const between = (name) => from[name] + eased * (target[name] - from[name]);
      const rounded = (name) =>
        sliders[name].step === 1 ? Math.round(between(name)) : between(name);
      const names = Object.keys(target);
      values =
        t < 1 ? Object.fromEntries(names.map((name) => [name, rounded(name)])) : { ...target };
      show();
      if (t < 1) frame = requestAnimationFrame(step);
      else done();
    };
    step(begin);
  }

  function mark(key) {
    for (const button of host.querySelectorAll("[data-case]"))
      button.setAttribute("aria-current", button.dataset.case === key);
  }

  function closeCase() {
    if (!setup.cases.length) return;
    find(".case").hidden = true;
    mark();
  }

  function ask(key) {
    const { story, slope, from, to } = CASES[key];
    const [first, second] = [
      { ...book.values, ...from },
      { ...book.values, ...to },
    ];
    const before = analyse(first).fits;
    const box = find(".case");
    mark(key);
    box.innerHTML = `<p tabindex="-1">${story} The ${NAMES[slope]} is ${points(before[slope].slope)} now.
      Which way will it go?</p><div class="buttons">
      ${["It rises", "It stays", "It falls"].map((a) => `<button type="button">${a}</button>`).join("")}</div>`;
    box.hidden = false;
    box.firstChild.focus();
    moveTo(first);
    box.querySelectorAll("button").forEach((button, i) => {
      button.onclick = () => {
        box.innerHTML = '<p tabindex="-1">…</p>';
        box.firstChild.focus(); // the button that had it is gone
        moveTo(second, () => answer(box, key, 1 - i, before));
      };
    });
  }

  function answer(box, key, guess, before) {
    const { slope, lesson } = CASES[key];
    const after = now.fits;
    const change = after[slope].slope - before[slope].slope;
    const went = Math.abs(change) < 0.25 ? 0 : Math.sign(change);
    const words = { 1: "rises", 0: "stays", "-1": "falls" };
    const verdict = went === guess ? "As you said, it" : `You said that it ${words[guess]}. It`;
    const how = `${words[went]}, from ${points(before[slope].slope)} to ${points(after[slope].slope)}.`;
    box.innerHTML = `<p tabindex="-1"><strong>${verdict} ${how}</strong> ${lesson(before, after)}</p>`;
    box.firstChild.focus();
    told = now; // said already
  }

  function fromLink() {
    const [id, query] = location.hash.slice(1).split("?");
    if (id !== host.id || !query) return;
    cancelAnimationFrame(frame); // of a case that is still moving
    frame = 0;
    for (const [name, text] of new URLSearchParams(query)) {
      if (!Object.hasOwn(sliders, name) || !Number.isFinite(parseFloat(text))) continue;
      const { low, high, step } = sliders[name];
      const near = low + step * Math.round((parseFloat(text) - low) / step);
      values[name] = Math.min(high, Math.max(low, near));
    }
    closeCase();
    soon();
    host.scrollIntoView();
  }

  async function copyLink() {
    const link = `${location.href.split("#")[0]}#${host.id}?${new URLSearchParams(values)}`;
    const [field, copied] = [find(".link"), find(".copied")];
    copied.textContent = ""; // or the same words would not be announced again
    try {
      await navigator.clipboard.writeText(link);
      setTimeout(() => (copied.textContent = "Link copied."), 100);
    } catch {
      field.value = link; // the browser does not let a page copy: the reader can
      field.hidden = false;
      field.select();
    }
  }

  host.addEventListener("input", ({ target }) => {
    if (target.type !== "range") return;
    cancelAnimationFrame(frame);
    frame = 0;
    values = { ...values, [target.name]: target.valueAsNumber };
    find(".copied").textContent = "";
    closeCase();
    soon();
  });
  host.addEventListener("click", ({ target }) => {
    const { case: key, do: what } = target.dataset;
    if (key) ask(key);
    if (what === "reset") {
      closeCase();
      moveTo(start);
    }
    if (what === "link") copyLink();
  });
  if (window.frameElement) find("[data-do=link]").hidden = true; // a frame has no address
  addEventListener("hashchange", fromLink);
  new ResizeObserver(soon).observe(host);
  new MutationObserver(soon).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  fromLink();
  soon();
}
