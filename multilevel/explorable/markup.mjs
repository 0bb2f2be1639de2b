// The explorable's HTML, before any number is in it.
import { CASES } from "./cases.mjs";
import { LINES } from "./picture.mjs";

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

export function slider(id, name, { label, unit, low, high, step }) {
  return `<div class="slider">
    <label for="${id}-${name}">${label}</label> <span data-value="${name}"></span>
    <input type="range" id="${id}-${name}" name="${name}" min="${low}" max="${high}" step="${step}">
    <small>${unit}</small>
  </div>`;
}

export function foot(reset) {
  return `<div class="buttons foot">
      <button type="button" data-do="reset">${reset}</button>
      <button type="button" data-do="link">Copy link to these values</button>
      <input class="link" aria-label="Link to these values" readonly hidden>
      <span class="copied" role="status"></span>
    </div>
    <p class="said" role="status"></p>`;
}

export function template(id, { sliders, shown, cases, against }, reset) {
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
    ${against ? '<div class="sweep"><canvas role="img"></canvas></div>' : ""}
    <div class="tables">
      <table><caption>Slopes (points per point of severity)</caption>
        <thead><tr>${head(["Model", "Slope", "SE", "Truth"])}</tr></thead><tbody>${slopes.join("")}</tbody></table>
      <table class="spread"><caption>Spread (SD in points) and ICC</caption>
        <thead><tr>${head(["Model", "Hospital SD", "Residual SD", "ICC"])}</tr></thead>
        <tbody>${spread.join("")}</tbody></table>
      <p class="note"></p>
    </div></div>
    ${foot(reset)}`;
}
