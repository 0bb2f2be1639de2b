// What the explorable says in words and numbers. Every number is computed when it is said.

export function points(value, sign = "+", digits = 2) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  if (!/[1-9]/.test(text)) return text;
  return (value < 0 ? "−" : sign) + text;
}

const size = (value) => points(value, "");

// What the sliders make true.
export function truth({ world, book }, values) {
  const { within, staff, hospital_sd, residual_sd: sigma, n_hospitals } = values;
  // Staff quality that does not show in the case mix stays in a hospital's own level; in Red,
  // Green and Blue all of it shows.
  const sampled = Math.max(0, n_hospitals - book.staff.length) / n_hospitals;
  const tau = Math.hypot(hospital_sd, staff * world.sd_staff_beyond_mix * Math.sqrt(sampled));
  return {
    within,
    between: within + staff,
    tau,
    sigma,
    icc: tau ** 2 / (tau ** 2 + sigma ** 2),
  };
}

// The text of each cell of the tables, by row and column.
export function cellTexts({ pooled, partial, split, hospitals }, real) {
  const own = hospitals.map((h) => h.slope);
  const ends = [Math.min(...own), Math.max(...own)].map((slope) => points(slope, "+", 1));
  const spread = ({ tau, sigma, icc }) => ({ tau: size(tau), sigma: size(sigma), icc: size(icc) });
  const slope = (estimate, se, value) => ({ slope: points(estimate), se: size(se), truth: value });
  return {
    pooled: slope(pooled.slope, pooled.se, "mixed"),
    alone: { slope: ends.join(" to "), truth: points(real.within) },
    partial: { ...slope(partial.slope, partial.se, "mixed"), ...spread(partial) },
    within: slope(split.within, split.seWithin, points(real.within)),
    between: slope(split.slope, split.se, points(real.between)),
    split: spread(split),
    truth: spread(real),
  };
}

export function sliderText({ low, step }, value) {
  return step === 1 ? String(value) : points(value, low < 0 ? "+" : "");
}

export function verdict({ pooled, split }) {
  const flips = pooled.slope * split.within < 0;
  return [
    `Pooled ${points(pooled.slope)}, within ${points(split.within)}:`,
    flips ? "the trend flips." : "no flip.",
  ];
}

// What a reader who compares estimates with the truth would wonder about.
export function note({ partial }, real, values) {
  const sentences = [];
  if (partial.icc > real.icc + 0.1)
    sentences.push(
      `The random intercept’s ICC is ${size(partial.icc)}, the true one ${size(real.icc)}: ` +
        "its hospital SD swallows the gap between the two slopes.",
      "The within–between model gives that gap a slope of its own.",
    );
  if (real.tau > values.hospital_sd + 0.005)
    sentences.push("Staff quality that severity does not show adds to the true hospital SD.");
  if (values.n_patients < 10)
    sentences.push(
      "Means of few patients are noisy: the between slope leans towards the within slope.",
    );
  return sentences.join(" ");
}

// For those who listen: which slopes a movement has changed; nothing if it changed none.
export function summary(before, after) {
  const slopes = ({ pooled, partial, split }) => ({
    "Pooled slope": pooled.slope,
    "random intercept": partial.slope,
    within: split.within,
    between: split.slope,
  });
  const [old, current] = [slopes(before), slopes(after)];
  const changed = Object.keys(old).filter((key) => points(old[key]) !== points(current[key]));
  if (!changed.length) return "";
  const list = changed.map((key) => `${key} ${points(current[key])}, before ${points(old[key])}`);
  return [...list, verdict(after)[1]].join("; ");
}
