// The scene of random slopes: a fan of forty lines, the ellipse of their intercepts and slopes, and
// a zero of severity that can be moved. The sliders' SD of intercepts and correlation are those at
// the average patient of a hospital.
import { normalQuantile, uniform } from "./model.mjs";
import { frame, labels, range } from "./picture.mjs";
import { foot, slider } from "./markup.mjs";
import { points } from "./words.mjs";

const HOSPITALS = 40;
const RADIUS = Math.sqrt(-2 * Math.log(0.05)); // the ellipse that holds 95 % of hospitals
const PATIENTS = 2; // severity is cut two points from the hospital's mean

// Deviations of intercept and slope, from two independent standard normal numbers.
export function deviation({ sd_intercept: a, sd_slope: b, correlation: r }, z0, z1) {
  return { u0: a * z0, u1: b * (r * z0 + Math.sqrt(1 - r * r) * z1) };
}

// What a model reports that puts the zero of severity there.
export function reported({ sd_intercept: a, sd_slope: b, correlation: r }, zero) {
  const variance = a * a + 2 * zero * r * a * b + (zero * b) ** 2;
  const sd = Math.sqrt(Math.max(0, variance)); // rounding can take it below zero
  const covariance = r * a * b + zero * b * b;
  const known = sd > 1e-6 && b > 0;
  return { sd, slope: b, correlation: known ? covariance / (sd * b) : NaN };
}

// Where hospitals differ least. With the zero there, intercepts and slopes are uncorrelated.
export function waist({ sd_intercept: a, sd_slope: b, correlation: r }) {
  return { at: b > 0 ? 0 - (r * a) / b : NaN, sd: b > 0 ? a * Math.sqrt(1 - r * r) : a };
}

export function ellipseNote(values) {
  const { at, sd } = waist(values);
  if (Number.isNaN(at)) return "With one slope for all, hospitals differ alike for every patient.";
  const where = Math.abs(at) > PATIENTS ? ", where there are no patients" : "";
  return (
    `Hospitals differ least at ${points(at)} points from the average patient${where} ` +
    `(SD ${points(sd, "")}).`
  );
}

export function ellipseSummary(before, after) {
  const names = { sd: "SD of intercepts", slope: "SD of slopes", correlation: "correlation" };
  const text = (now, key) => points(now.here[key], key === "correlation" ? "+" : "");
  const changed = Object.keys(names).filter((key) => text(before, key) !== text(after, key));
  if (!changed.length) return "";
  const list = changed.map((k) => `${names[k]} ${text(after, k)}, before ${text(before, k)}`);
  return `At this zero: ${list.join("; ")}`;
}

function drawFan(canvas, { values, hospitals, here }, { intercept, slope }) {
  const at = (x) => intercept + slope * x;
  const half = (x) => 1.96 * reported(values, x).sd;
  let [low, high] = [30, 80]; // steady while the band fits
  while (Math.min(at(4) - half(4), at(-4) - half(-4)) < low) low -= 10;
  while (Math.max(at(4) + half(4), at(-4) + half(-4)) > high) high += 10;
  const axes = frame(canvas, {
    x: [-4, 4],
    y: [low, high],
    xTicks: range(-4, 4, 2),
    yTicks: range(low, high, high - low > 80 ? 20 : 10),
    xLabel: "Severity minus hospital mean (points)",
    yLabel: "Will to live (points)",
  });
  const { ctx, X, Y, colour, line, top, bottom } = axes;
  const along = range(-4, 4, 0.125);
  ctx.beginPath();
  for (const x of along) ctx.lineTo(X(x), Y(at(x) + half(x)));
  for (const x of along.toReversed()) ctx.lineTo(X(x), Y(at(x) - half(x)));
  ctx.fillStyle = colour("partial");
  ctx.globalAlpha = 0.15;
  ctx.fill();
  ctx.globalAlpha = 1;
  const part = (u0, u1, ends) => ends.map((x) => [x, at(x) + u0 + u1 * x]);
  for (const { u0, u1 } of hospitals) {
    line(part(u0, u1, [-4, 4]), "partial", 1, [2, 3], 0.35);
    line(part(u0, u1, [-PATIENTS, PATIENTS]), "partial", 1, [], 0.7);
  }
  line(part(0, 0, [-4, 4]), "pooled", 2.5, []);
  const ends = [low, high];
  const { zero } = values;
  line(
    ends.map((y) => [zero, y]),
    "between",
    2.5,
    [],
  );
  ctx.fillStyle = colour("between");
  ctx.beginPath();
  for (const { u0, u1 } of hospitals) {
    const y = Y(at(zero) + u0 + u1 * zero);
    ctx.moveTo(X(zero) + 3, y);
    ctx.arc(X(zero), y, 3, 0, 7);
  }
  ctx.fill();
  const words = [{ text: "your zero", name: "between", x: X(zero) + 5, y: bottom - 8 }];
  const { at: narrow } = waist(values);
  if (Math.abs(narrow) <= 4) {
    line(
      ends.map((y) => [narrow, y]),
      "muted",
      1.5,
      [4, 4],
    );
    words.push({ text: "narrowest", name: "muted", x: X(narrow) + 5, y: top + 14 });
  }
  labels(axes, words);
  canvas.setAttribute(
    "aria-label",
    `The lines of ${HOSPITALS} simulated hospitals and the band of 95 % of hospitals; ` +
      `the standard deviation at your zero is ${points(here.sd, "")} points.`,
  );
}

export function slopeTicks(tall) {
  const step = tall > 4 ? 2 : 1;
  const last = tall - (tall % step);
  return range(-last, last, step);
}

function drawEllipse(canvas, { values, hospitals, here }) {
  const { zero } = values;
  const place = ({ u0, u1 }) => [u0 + zero * u1, u1];
  const turn = range(0, 120, 1).map((i) => (i * Math.PI) / 60);
  const edge = turn.map((t) =>
    place(deviation(values, RADIUS * Math.cos(t), RADIUS * Math.sin(t))),
  );
  const most = (i, least, step) => {
    const far = Math.max(...edge.map((p) => Math.abs(p[i])));
    return Math.max(least, step * Math.ceil((1.15 * far) / step));
  };
  const [wide, tall] = [most(0, 12, 4), most(1, 3, 1)];
  const axes = frame(canvas, {
    x: [-wide, wide],
    y: [-tall, tall],
    xTicks: range(-wide, wide, wide / 2),
    yTicks: slopeTicks(tall),
    xLabel: "Deviation of the intercept (points)",
    yLabel: "Deviation of the slope",
  });
  const { ctx, X, Y, colour, line } = axes;
  line(edge, "partial", 2.5, []);
  ctx.fillStyle = colour("partial");
  ctx.globalAlpha = 0.7;
  ctx.beginPath();
  for (const [x, y] of hospitals.map(place)) {
    ctx.moveTo(X(x) + 3, Y(y));
    ctx.arc(X(x), Y(y), 3, 0, 7);
  }
  ctx.fill();
  ctx.globalAlpha = 1;
  labels(axes, []);
  canvas.setAttribute(
    "aria-label",
    `Slope against intercept of the ${HOSPITALS} hospitals at your zero, with the ellipse of 95 % ` +
      `of hospitals; correlation ${points(here.correlation)}.`,
  );
}

function ellipseTemplate(id, { sliders, shown }, reset) {
  const rows = { sd: "SD of intercepts", slope: "SD of slopes", correlation: "Correlation" };
  const body = Object.entries(rows).map(
    ([key, label]) =>
      `<tr><th scope="row">${label}</th><td data-cell="average.${key}"></td><td data-cell="here.${key}"></td></tr>`,
  );
  return `
    <div class="main"><div class="stage">
      <div class="picture"><canvas class="fan" role="img"></canvas><p class="verdict"></p></div>
      <div class="sliders" role="group" aria-label="How hospitals differ, and where zero is">
        ${shown.map((name) => slider(id, name, sliders[name])).join("")}
      </div>
    </div>
    <div class="tables">
      <canvas class="ellipse" role="img"></canvas>
      <table><caption>The same hospitals, read at two zeros</caption>
        <thead><tr><td></td><th scope="col">Average patient</th><th scope="col">Your zero</th></tr></thead>
        <tbody>${body.join("")}</tbody></table>
      <p class="note"></p>
    </div></div>
    ${foot(reset)}`;
}

function openEllipse(host, { world, seed }) {
  const find = (selector) => host.querySelector(selector);
  const normal = (i) => normalQuantile(uniform(seed, i));
  const pairs = range(0, HOSPITALS - 1, 1).map((j) => [normal(2 * j), normal(2 * j + 1)]);
  const analyse = (values) => ({
    values,
    hospitals: pairs.map(([z0, z1]) => deviation(values, z0, z1)),
    average: reported(values, 0),
    here: reported(values, values.zero),
  });
  function draw(now, values) {
    drawFan(find(".fan"), now, world);
    drawEllipse(find(".ellipse"), now);
    for (const cell of host.querySelectorAll("[data-cell]")) {
      const [column, row] = cell.dataset.cell.split(".");
      cell.textContent = points(now[column][row], row === "correlation" ? "+" : "");
    }
    const [average, here] = [now.average, now.here].map((at) => points(at.correlation));
    find(".verdict").innerHTML =
      `Correlation ${average} at the average patient, <strong>${here} at your zero.</strong>`;
    find(".note").textContent = ellipseNote(values);
  }
  return { analyse, draw, summary: ellipseSummary };
}

export const ELLIPSE = { template: ellipseTemplate, open: openEllipse };
