import { makeDraws, simulate, fitAll } from "./model.mjs";
import { drawCloud, drawSweep, LINES } from "./picture.mjs";
import { CASES, points } from "./cases.mjs";

const ROWS = [
  ["pooled", "Pooled OLS"],
  ["alone", "Each hospital"],
  ["partial", "Random intercept"],
  ["within", "Within–\u2060between: within"],
  ["between", "Within–\u2060between: between"],
];
const SPREAD = [
  ["partial", "Random intercept"],
  ["split", "Within–between"],
  ["truth", "Truth"],
];
const NAMES = { pooled: "pooled slope", partial: "slope of the random-intercept model" };
const [MOVE, PAUSE] = [900, 800]; // milliseconds: a case's motion; no movement before a summary

function swatch(name) {
  const line = (x1, x2, colour, dash = "", rise = 0) =>
    `<line x1="${x1}" x2="${x2}" y1="${6 - rise}" y2="${6 + rise}"
      style="stroke: var(--${colour})" stroke-dasharray="${dash}"/>`;
  const lines = {
    alone: () => ["red", "green", "blue"].map((hue, i) => line(11 * i, 11 * i + 9, hue)).join(""),
    within: () => line(10, 22, "between", "", 3),
  };
  const whole = () => line(0, 32, name, LINES[name].join(" "));
  return `<svg viewBox="0 0 32 12" aria-hidden="true">${(lines[name] ?? whole)()}</svg>`;
}

function slider(id, name, { label, unit, low, high, step }) {
  return `<div class="slider">
    <label for="${id}-${name}">${label}</label> <span data-value="${name}"></span>
    <input type="range" id="${id}-${name}" name="${name}" min="${low}" max="${high}" step="${step}">
    <small>${unit}</small>
  </div>`;
}

function template(id, { sliders, shown, cases, against }, reset) {
  const cell = (row, column) => `<td data-cell="${row}.${column}"></td>`;
  const head = (names) => names.map((name) => `<th scope="col">${name}</th>`).join("");
  const slopes = ROWS.map(([row, label]) => {
    const estimate =
      row === "alone"
        ? '<td colspan="2" data-cell="alone.slope"></td>'
        : cell(row, "slope") + cell(row, "se");
    return `<tr><th scope="row"><span>${swatch(row)}${label}</span></th>${estimate}${cell(row, "truth")}</tr>`;
  });
  const spread = SPREAD.map(
    ([row, label]) =>
      `<tr><th scope="row">${label}</th>${cell(row, "tau")}${cell(row, "sigma")}${cell(row, "icc")}</tr>`,
  );
  const buttons = cases.map(
    (key) => `<button type="button" data-case="${key}">${CASES[key].label}</button>`,
  );
  const choose = cases.length
    ? `<p>Predict a case:</p><div class="buttons">${buttons.join("")}</div>`
    : "";
  return `
    <div class="cases">${choose}<div class="case" role="group" aria-label="Prediction" hidden></div></div>
    <div class="main"><div class="stage">
      <div class="picture"><canvas class="cloud" role="img"></canvas><p class="verdict"></p></div>
      <div class="sliders" role="group" aria-label="The truth that makes the data">
        ${shown.map((name) => slider(id, name, sliders[name])).join("")}
      </div>
    </div>
    <div class="tables">
      <table><caption>Slopes (points per point of severity)</caption>
        <thead><tr>${head(["Model", "Slope", "SE", "Truth"])}</tr></thead><tbody>${slopes.join("")}</tbody></table>
      <table class="spread"><caption>Spread (SD in points) and ICC</caption>
        <thead><tr>${head(["Model", "Hospital SD", "Residual SD", "ICC"])}</tr></thead>
        <tbody>${spread.join("")}</tbody></table>
      <p class="note"></p>
    </div></div>
    ${against ? '<div class="sweep"><canvas role="img"></canvas></div>' : ""}
    <div class="buttons foot">
      <button type="button" data-do="reset">${reset}</button>
      <button type="button" data-do="link">Copy link to these values</button>
      <input class="link" aria-label="Link to these values" readonly hidden>
      <span class="copied" role="status"></span>
    </div>
    <p class="said" role="status"></p>`;
}

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
  host.innerHTML = template(
    host.id,
    setup,
    atBook ? "Back to the book’s world" : "Back to the start",
  );
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

  function truth({ within, staff, hospital_sd, residual_sd, n_hospitals }) {
    // Staff quality that does not show in the case mix stays in a hospital's own level; in Red,
    // Green and Blue all of it shows.
    const sampled = Math.max(0, n_hospitals - book.staff.length) / n_hospitals;
    const tau = Math.hypot(hospital_sd, staff * world.sd_staff_beyond_mix * Math.sqrt(sampled));
    const icc = (sd) => sd ** 2 / (sd ** 2 + residual_sd ** 2);
    return { within, between: within + staff, tau, icc: icc(tau), sliderIcc: icc(hospital_sd) };
  }

  function show() {
    frame = 0;
    now = analyse(values);
    const { fits, data } = now;
    const { pooled, partial, split, hospitals } = fits;
    drawCloud(find(".cloud"), data, fits);
    const true_ = truth(values);
    const own = hospitals.map((h) => h.slope);
    const flips = pooled.slope * split.within < 0;
    const text = {
      pooled: [points(pooled.slope), points(pooled.se, ""), "mixed"],
      alone: [
        `${points(Math.min(...own), "+", 1)} to ${points(Math.max(...own), "+", 1)}`,
        "",
        points(true_.within),
      ],
      partial: [points(partial.slope), points(partial.se, ""), "mixed"],
      within: [points(split.within), points(split.seWithin, ""), points(true_.within)],
      between: [points(split.slope), points(split.se, ""), points(true_.between)],
    };
    const spread = { partial, split, truth: { ...true_, sigma: values.residual_sd } };
    for (const cell of cells) {
      const [row, column] = cell.dataset.cell.split(".");
      const place = ["slope", "se", "truth"].indexOf(column);
      cell.textContent = place < 0 ? points(spread[row][column], "") : text[row][place];
    }
    for (const input of inputs) {
      const { unit, step } = sliders[input.name];
      const shown =
        step === 1
          ? values[input.name]
          : points(values[input.name], input.name === "within" ? "+" : "");
      input.value = values[input.name];
      input.setAttribute("aria-valuetext", unit ? `${shown} points ${unit}` : shown);
      find(`[data-value=${input.name}]`).textContent = shown;
    }
    find(".verdict").innerHTML =
      `Pooled ${points(pooled.slope)}, within ${points(split.within)}: ` +
      (flips ? "<strong>the trend flips.</strong>" : "<strong>no flip.</strong>");
    find(".note").textContent = note(partial.icc, true_);
    find(".cloud").setAttribute(
      "aria-label",
      `Scatter plot of ${data.x.length} simulated patients in ${values.n_hospitals} hospitals, ` +
        `with the lines of the models. The tables give their slopes.`,
    );
    if (against) showSweep();
    clearTimeout(pause);
    pause = setTimeout(tell, PAUSE);
  }

  // What a reader who compares estimate and truth would wonder about.
  function note(icc, true_) {
    const sentences = [];
    if (icc > true_.sliderIcc + 0.1)
      sentences.push(
        `The random intercept’s ICC is ${points(icc, "")}, although the sliders make one of ` +
          `${points(true_.sliderIcc, "")}: its hospital SD swallows the gap between the two slopes.`,
        "The within–between model gives that gap a slope of its own.",
      );
    if (true_.tau > values.hospital_sd + 0.005)
      sentences.push("Staff quality that severity does not show adds to the true hospital SD.");
    if (values.n_patients < 10)
      sentences.push(
        "Means of few patients are noisy: the between slope leans towards the within slope.",
      );
    return sentences.join(" ");
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

  // For those who listen: what has changed, once the movement has stopped.
  function tell() {
    const pairs = [
      ["Pooled slope", told.pooled.slope, now.fits.pooled.slope],
      ["random intercept", told.partial.slope, now.fits.partial.slope],
      ["within", told.split.within, now.fits.split.within],
      ["between", told.split.slope, now.fits.split.slope],
    ];
    const changed = pairs.filter(([, a, b]) => points(a) !== points(b));
    told = now.fits;
    if (!changed.length) return;
    const list = changed.map(([name, a, b]) => `${name} ${points(b)}, before ${points(a)}`);
    find(".said").textContent =
      `${list.join("; ")}. ${find(".verdict").textContent.split(": ")[1]}`;
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
      values = Object.fromEntries(Object.keys(target).map((name) => [name, rounded(name)]));
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
    const [id, query] = decodeURIComponent(location.hash).slice(1).split("?");
    if (id !== host.id || !query) return false;
    for (const [name, text] of new URLSearchParams(query)) {
      if (!(name in sliders) || !Number.isFinite(parseFloat(text))) continue;
      const { low, high, step } = sliders[name];
      const near = low + step * Math.round((parseFloat(text) - low) / step);
      values[name] = Math.min(high, Math.max(low, near));
    }
    closeCase();
    soon();
    host.scrollIntoView();
    return true;
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
