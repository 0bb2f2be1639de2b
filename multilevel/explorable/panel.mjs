// The explorable at work: sliders, cases, links, and everything that is refitted at each move.
import { makeDraws, simulate, fitAll } from "./model.mjs";
import { drawCloud, drawSweep } from "./picture.mjs";
import { CASES } from "./cases.mjs";
import { template } from "./markup.mjs";
import { cellTexts, note, points, sliderText, summary, truth, verdict } from "./words.mjs";

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
  const { sliders, start, world, book, against } = setup;
  const atBook = Object.keys(start).every((name) => start[name] === book.values[name]);
  const reset = atBook ? "Back to the book’s world" : "Back to the start";
  host.innerHTML = template(host.id, setup, reset);
  const find = (selector) => host.querySelector(selector);
  const inputs = [...host.querySelectorAll("input[type=range]")];
  const cells = [...host.querySelectorAll("[data-cell]")];
  const draws = makeDraws(setup, sliders.n_hospitals.high, sliders.n_patients.high);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const analyse = (values) => {
    const data = simulate(draws, world.intercept, values);
    return { data, fits: fitAll(data) };
  };

  let values = { ...start };
  let now = analyse(values);
  let told = now.fits; // what a listener has heard of
  let frame = 0;
  let pause = 0;

  function show() {
    frame = 0;
    now = analyse(values);
    const { fits, data } = now;
    const real = truth(setup, values);
    drawCloud(find(".cloud"), data, fits);
    find(".cloud").setAttribute(
      "aria-label",
      `Scatter plot of ${data.x.length} simulated patients in ${values.n_hospitals} hospitals, ` +
        `with the lines of the models. The tables give their slopes.`,
    );
    const texts = cellTexts(fits, real);
    for (const cell of cells) {
      const [row, column] = cell.dataset.cell.split(".");
      cell.textContent = texts[row][column];
    }
    for (const input of inputs) {
      const { unit, step } = sliders[input.name];
      const text = sliderText(input.name, step, values[input.name]);
      input.value = values[input.name];
      input.setAttribute("aria-valuetext", unit ? `${text} points ${unit}` : text);
      find(`[data-value=${input.name}]`).textContent = text;
    }
    const [slopes, flip] = verdict(fits);
    find(".verdict").innerHTML = `${slopes} <strong>${flip}</strong>`;
    find(".note").textContent = note(fits, real, values);
    if (against) showSweep();
    clearTimeout(pause);
    pause = setTimeout(tell, PAUSE);
  }

  function tell() {
    const said = summary(told, now.fits);
    told = now.fits;
    if (said) find(".said").textContent = said;
  }

  function showSweep() {
    const { low, high, step } = sliders[against];
    const steps = [...Array(21).keys()].map((i) => i / 20);
    const along = steps.map((s) =>
      step === 1 ? Math.round(low * (high / low) ** s) : low + s * (high - low),
    );
    const places = [...new Set(along)];
    const found = places.map((value) => analyse({ ...values, [against]: value }).fits);
    drawSweep(find(".sweep canvas"), {
      slider: sliders[against],
      values: places,
      now: values[against],
      slopes: {
        pooled: found.map((f) => f.pooled.slope),
        partial: found.map((f) => f.partial.slope),
        within: found.map((f) => f.split.within),
        between: found.map((f) => f.split.slope),
      },
      se: found.map((f) => f.split.se),
    });
    find(".sweep canvas").setAttribute(
      "aria-label",
      `The four slopes along the range of the slider ${sliders[against].label}, at the other sliders’ values.`,
    );
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
    told = after; // said already
  }

  function fromLink() {
    const [id, query] = location.hash.slice(1).split("?");
    if (id !== host.id || !query) return;
    for (const [name, text] of new URLSearchParams(query)) {
      if (!(name in sliders) || !Number.isFinite(parseFloat(text))) continue;
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
    const field = find(".link");
    try {
      await navigator.clipboard.writeText(link);
      find(".copied").textContent = "Link copied.";
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
