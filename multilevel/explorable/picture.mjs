// The pictures of the explorable: patients with their lines, and slopes along a slider.

const NAMED = ["Red", "Green", "Blue"]; // as in multilevel.plots: a colour, a marker, a dash each
const DASHES = [[], [8, 3], [5, 3, 1.5, 3]];
export const LINES = { pooled: [9, 5], partial: [], between: [9, 3, 2, 3], within: [3, 2] };

function outline(path, shape, x, y, r) {
  if (shape === 0) {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 7);
  } else if (shape === 1) {
    path.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
  } else {
    path.moveTo(x, y - 1.2 * r);
    path.lineTo(x + 1.15 * r, y + 0.85 * r);
    path.lineTo(x - 1.15 * r, y + 0.85 * r);
    path.closePath();
  }
}

// A canvas that is sharp on its screen, with axes; X and Y turn values into places.
export function frame(canvas, { x: [x0, x1], y: [y0, y1], xTicks, yTicks, xLabel, yLabel, log }) {
  const [width, height, sharp] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio];
  if (canvas.width !== Math.round(width * sharp) || canvas.height !== Math.round(height * sharp)) {
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
  }
  const style = getComputedStyle(canvas);
  const ctx = canvas.getContext("2d");
  const [left, right, top, bottom] = [48, width - 8, 8, height - 42];
  const scale = log ? Math.log : (v) => v;
  const X = (v) => left + ((scale(v) - scale(x0)) / (scale(x1) - scale(x0))) * (right - left);
  const Y = (v) => bottom - ((v - y0) / (y1 - y0)) * (bottom - top);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  ctx.setTransform(sharp, 0, 0, sharp, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = `12px ${style.fontFamily}`;
  ctx.lineWidth = 1;
  ctx.strokeStyle = colour("grid");
  ctx.fillStyle = colour("muted");
  ctx.textAlign = "center";
  ctx.beginPath();
  for (const v of xTicks) {
    ctx.moveTo(X(v), top);
    ctx.lineTo(X(v), bottom);
    ctx.fillText(String(v).replace("-", "−"), X(v), bottom + 16);
  }
  ctx.textAlign = "right";
  for (const v of yTicks) {
    ctx.moveTo(left, Y(v));
    ctx.lineTo(right, Y(v));
    ctx.fillText(String(v).replace("-", "−"), left - 6, Y(v) + 4);
  }
  ctx.stroke();
  ctx.fillStyle = colour("ink");
  ctx.textAlign = "center";
  ctx.fillText(xLabel, (left + right) / 2, height - 6);
  ctx.save();
  ctx.translate(13, (top + bottom) / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.fillText(yLabel, 0, 0);
  ctx.restore();
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, right - left, bottom - top);
  ctx.clip();
  const line = (points, name, weight, dash, alpha = 1) => {
    ctx.globalAlpha = alpha;
    ctx.strokeStyle = colour(name);
    ctx.lineWidth = weight;
    ctx.setLineDash(dash);
    ctx.beginPath();
    for (const [x, y] of points) ctx.lineTo(X(x), Y(y));
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  };
  return { ctx, X, Y, colour, line, left, right, top, bottom };
}

// Words beside what they name, moved apart where they would meet, on a halo of the ground.
export function labels({ ctx, colour, right, top, bottom }, words) {
  ctx.restore(); // words may leave the frame of the axes
  ctx.textAlign = "left";
  ctx.lineJoin = "round";
  words.sort((a, b) => a.y - b.y);
  let free = top + 10;
  for (const word of words) {
    word.y = Math.max(word.y, free);
    free = word.y + 15;
  }
  let last = bottom - 4;
  for (const word of words.toReversed()) {
    word.y = Math.min(word.y, last);
    last = word.y - 15;
  }
  for (const { text, x, y, name } of words) {
    ctx.font = ctx.font.replace(/^(bold )?/, "bold ");
    const at = Math.min(x, right - ctx.measureText(text).width - 2);
    ctx.strokeStyle = colour("ground");
    ctx.lineWidth = 4;
    ctx.strokeText(text, at, y);
    ctx.fillStyle = colour(name);
    ctx.fillText(text, at, y);
  }
}

export function range(from, to, step) {
  return Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
}

export function drawCloud(canvas, { x, y, sizes }, fits) {
  let [low, high] = [30, 80]; // steady while the points fit, so that only they move
  for (const value of y) {
    while (value < low) low -= 10;
    while (value > high) high += 10;
  }
  const axes = frame(canvas, {
    x: [0, 10],
    y: [low, high],
    xTicks: range(0, 10, 2),
    yTicks: range(low, high, high - low > 80 ? 20 : 10),
    xLabel: "Symptom severity (0–10 points)",
    yLabel: "Will to live (points)",
  });
  const { ctx, X, Y, colour, line } = axes;
  const r = x.length < 300 ? 3.2 : x.length < 1200 ? 2.3 : 1.7;
  const [words, names] = [[], []];
  let i = 0;
  let [first, last] = [10, 0];
  sizes.forEach((n, j) => {
    const name = NAMED[j]?.toLowerCase() ?? "data";
    ctx.fillStyle = colour(name);
    ctx.globalAlpha = NAMED[j] ? 0.75 : 0.45;
    ctx.beginPath();
    let [left, right, peak] = [10, 0, -Infinity]; // peak: of the patients near the left end
    for (const end = i + n; i < end; i++) {
      outline(ctx, NAMED[j] ? j : 0, X(x[i]), Y(y[i]), r);
      left = Math.min(left, x[i]);
      right = Math.max(right, x[i]);
    }
    ctx.fill();
    ctx.globalAlpha = 1;
    for (let k = i - n; k < i; k++) if (x[k] < left + 1) peak = Math.max(peak, y[k]);
    if (NAMED[j]) names.push({ text: NAMED[j], name, x: X(left), y: Y(peak) - 8 });
    [first, last] = [Math.min(first, left), Math.max(last, right)];
    const { x: mx, y: my, slope } = fits.hospitals[j];
    const own = [left, right].map((v) => [v, my + slope * (v - mx)]);
    if (NAMED[j]) line(own, name, 2, DASHES[j]);
    else line(own, "unpooled", 1, [], 0.5);
  });
  const at = ({ intercept, slope }, v) => [v, intercept + slope * v];
  const { pooled, partial, split } = fits;
  const means = fits.hospitals.map((h) => h.x);
  const ends = [Math.min(...means), Math.max(...means)];
  const strokes = means.length > 6 ? [0.25, 1.5] : [0.35, 3]; // half a length, a weight
  for (const mx of means) {
    const [dx, level] = [strokes[0], at(split, mx)[1]];
    const ends = [
      [mx - dx, level - split.within * dx],
      [mx + dx, level + split.within * dx],
    ];
    line(ends, "between", strokes[1], []);
  }
  line([at(split, ends[0]), at(split, ends[1])], "between", 3, LINES.between);
  line([at(partial, first), at(partial, last)], "partial", 3, LINES.partial);
  line([at(pooled, first), at(pooled, last)], "pooled", 3, LINES.pooled);
  const word = (text, name, [vx, vy]) => words.push({ text, name, x: X(vx) + 5, y: Y(vy) + 4 });
  word("pooled", "pooled", at(pooled, last));
  word("random intercept", "partial", at(partial, last));
  word("between", "between", at(split, ends[1]));
  words.push(...names);
  labels(axes, words);
}

// Slopes of the models along the range of one slider; the upright line is where it stands.
export function drawSweep(canvas, { slider, values, slopes, se, now }) {
  const all = Object.values(slopes).flat().filter(Number.isFinite);
  const low = Math.min(-4, 2 * Math.floor(Math.min(...all) / 2));
  const high = Math.max(6, 2 * Math.ceil(Math.max(...all) / 2));
  const log = slider.step === 1;
  const axes = frame(canvas, {
    x: [slider.low, slider.high],
    y: [low, high],
    xTicks: log
      ? [2, 5, 10, 20, 40, 75].filter((v) => v <= slider.high)
      : range(slider.low, slider.high, 2),
    yTicks: range(low, high, 2),
    xLabel: slider.label + (log ? "" : " (points)"),
    yLabel: "Slope (points per point)",
    log,
  });
  const { ctx, X, Y, colour, line } = axes;
  const upright = [low, high].map((y) => [now, y]);
  line(upright, "muted", 1, []);
  const known = values.map((_, i) => i).filter((i) => Number.isFinite(se[i]));
  ctx.beginPath();
  for (const i of known) ctx.lineTo(X(values[i]), Y(slopes.between[i] + se[i]));
  for (const i of known.toReversed()) ctx.lineTo(X(values[i]), Y(slopes.between[i] - se[i]));
  ctx.fillStyle = colour("between");
  ctx.globalAlpha = 0.15;
  ctx.fill();
  ctx.globalAlpha = 1;
  const titles = { partial: "random intercept", between: "between, ± SE" };
  const words = [];
  for (const [name, list] of Object.entries(slopes)) {
    const points = values.map((v, i) => [v, list[i]]);
    const hue = name === "within" ? "between" : name;
    line(points, hue, 2.5, LINES[name]);
    const [vx, vy] = points.at(-1);
    words.push({
      text: titles[name] ?? name,
      name: hue,
      x: X(vx),
      y: Y(vy) + (name === "within" ? 16 : -8),
    });
  }
  labels(axes, words);
}
