// Data and fits of the explorable: pure functions of numbers, which know nothing of the page.
// tests/test_explore.py runs them in V8 and compares them with the package.

// Quantile of the standard normal distribution for 1e-11 < p < 1 - 1e-11, to 1e-15.
// Source: Wichura (1988), algorithm AS 241, doi:10.2307/2347330.
const CENTRE = [
  [
    2.5090809287301226727e3, 3.34305755835881281e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.387132872796366608,
  ],
  [
    5.226495278852854561e3, 2.8729085735721942674e4, 3.930789580009271061e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.871870074920579083e2,
    4.2313330701600911252e1, 1,
  ],
];
const TAIL = [
  [
    7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.4178072517745061177e-1,
    1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959,
    1.42343711074968357734,
  ],
  [
    1.05075007164441684324e-9, 5.475938084995344946e-4, 1.51986665636164571966e-2,
    1.4810397642748007459e-1, 6.8976733498510000455e-1, 1.6763848301838038494,
    2.05319162663775882187, 1,
  ],
];

function ratio([above, below], r) {
  const value = (coefficients) => coefficients.reduce((sum, c) => sum * r + c, 0);
  return value(above) / value(below);
}

export function normalQuantile(p) {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(CENTRE, 0.180625 - q * q);
  return Math.sign(q) * ratio(TAIL, Math.sqrt(-Math.log(Math.min(p, 1 - p))) - 1.6);
}

// The i-th of a fixed sequence of uniform numbers between 0 and 1, without those before it: a
// larger picture holds the smaller one. Source: the 32-bit finaliser of MurmurHash3 on a Weyl
// sequence.
export function uniform(seed, i) {
  let h = (Math.imul(i + 1, 0x9e3779b9) + seed) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (((h ^ (h >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

// What chance decides, once: the sliders only transform it. The first three hospitals are Red,
// Green and Blue, their first patients are those of the book, recovered from their values.
export function makeDraws({ world, book, seed }, hospitals, patients) {
  const normal = (i) => normalQuantile(uniform(seed, i));
  const cut = (i) => normalQuantile(world.below_cut + (1 - 2 * world.below_cut) * uniform(seed, i));
  const draws = {
    patients,
    staff: new Float64Array(hospitals), // as a difference from the average hospital, in points
    caseMix: new Float64Array(hospitals), // likewise
    own: new Float64Array(hospitals), // a standard normal number
    deviation: new Float64Array(hospitals * patients), // severity minus case mix, in points
    residual: new Float64Array(hospitals * patients), // of variance 1
  };
  for (let j = 0; j < hospitals; j++) {
    const first = j * 4096; // room for 1,364 patients a hospital
    const named = j < book.staff.length;
    const staff = named ? book.staff[j] - 5 : world.sd_staff * cut(first);
    const referred = world.case_mix_per_staff * staff + world.sd_case_mix * cut(first + 1);
    draws.staff[j] = staff;
    draws.caseMix[j] = named ? staff : referred;
    draws.own[j] = named ? book.own[j] : normal(first + 2);
    for (let i = 0; i < patients; i++) {
      const at = first + 3 + 3 * i;
      const here = j * patients + i;
      if (named && i < book.severity[j].length) {
        const { within, staff: effect, hospital_sd, residual_sd } = book.values;
        const dx = book.severity[j][i] - 5;
        const fixed = world.intercept + effect * staff + hospital_sd * book.own[j] + within * dx;
        draws.deviation[here] = dx - staff;
        draws.residual[here] = (book.will[j][i] - fixed) / residual_sd;
      } else {
        const noise = world.sd_of_resilience * cut(at + 1) + world.sd_patient * normal(at + 2);
        draws.deviation[here] = world.sd_severity * cut(at);
        draws.residual[here] = noise / world.sd_of_noise;
      }
    }
  }
  return draws;
}

// One patient after the other, hospital by hospital: severity x and will to live y.
export function simulate(draws, intercept, values) {
  const { within, staff, hospital_sd, residual_sd, n_hospitals, n_patients } = values;
  const x = new Float64Array(n_hospitals * n_patients);
  const y = new Float64Array(n_hospitals * n_patients);
  for (let j = 0, to = 0; j < n_hospitals; j++) {
    const level = intercept + staff * draws.staff[j] + hospital_sd * draws.own[j];
    for (let i = j * draws.patients; i < j * draws.patients + n_patients; i++, to++) {
      const dx = draws.caseMix[j] + draws.deviation[i];
      x[to] = 5 + dx;
      y[to] = level + within * dx + residual_sd * draws.residual[i];
    }
  }
  return { x, y, sizes: new Array(n_hospitals).fill(n_patients) };
}

// All that any of the models needs to know: size, means and own sums of squares of each hospital.
export function summarise({ x, y, sizes }) {
  const own = [];
  const sums = { own, n: x.length, xx: 0, xy: 0, yy: 0 }; // within hospitals
  let i = 0;
  for (const n of sizes) {
    const h = { n, x: 0, y: 0, xx: 0, xy: 0, yy: 0 };
    const end = i + n;
    for (let k = i; k < end; k++) {
      h.x += x[k] / n;
      h.y += y[k] / n;
    }
    for (; i < end; i++) {
      const [dx, dy] = [x[i] - h.x, y[i] - h.y]; // centred: raw squares lose digits
      h.xx += dx * dx;
      h.xy += dx * dy;
      h.yy += dy * dy;
    }
    sums.xx += h.xx;
    sums.xy += h.xy;
    sums.yy += h.yy;
    own.push(h);
  }
  return sums;
}

// Generalised least squares at the variance ratio theta = tau² / sigma², and -2 times the REML
// log-likelihood there with its derivative. `split` gives the hospitals' means a slope of their
// own. A hospital mean has the weight n / (1 + n theta), in units of 1 / sigma².
// Source: Bates et al. (2015), equations 30 to 42, doi:10.18637/jss.v067.i01, for one intercept.
export function profile(sums, theta, split) {
  let [a, mx, my, logs] = [0, 0, 0, 0];
  for (const { n, x, y } of sums.own) {
    const w = n / (1 + n * theta);
    a += w;
    mx += w * x;
    my += w * y;
    logs += Math.log1p(n * theta);
  }
  mx /= a;
  my /= a;
  let [xx, xy, yy] = [0, 0, 0];
  for (const h of sums.own) {
    const w = h.n / (1 + h.n * theta);
    xx += w * (h.x - mx) ** 2;
    xy += w * (h.x - mx) * (h.y - my);
    yy += w * (h.y - my) ** 2;
  }
  // the slope of hospital means: alone, or together with the patients'
  const [ofSlope, sumXY] = split ? [xx, xy] : [xx + sums.xx, xy + sums.xy];
  const slope = sumXY / ofSlope;
  const within = split ? sums.xy / sums.xx : slope;
  const rest =
    sums.yy -
    2 * within * sums.xy +
    within * within * sums.xx +
    yy -
    2 * slope * xy +
    slope * slope * xx;
  const df = sums.n - (split ? 3 : 2);
  let [w2, w2x, w2r] = [0, 0, 0]; // how the three sums change with theta
  for (const h of sums.own) {
    const w = h.n / (1 + h.n * theta);
    w2 += w * w;
    w2x += (w * (h.x - mx)) ** 2;
    w2r += (w * (h.y - my - slope * (h.x - mx))) ** 2;
  }
  const variance = rest / df;
  const logDet = logs + Math.log(a * ofSlope) + (split ? Math.log(sums.xx) : 0);
  return {
    intercept: my - slope * mx,
    slope,
    within,
    se: Math.sqrt(variance / ofSlope),
    seWithin: Math.sqrt(variance / (split ? sums.xx : ofSlope)),
    variance,
    minusTwo: df * (1 + Math.log(2 * Math.PI * variance)) + logDet,
    derivative: a - w2r / variance - w2 / a - w2x / ofSlope,
  };
}

// Exact REML: every stationary point of the profile over a wide grid, and zero; the best of them.
export function fitMixed(sums, split) {
  const unit = sums.own.length / sums.n; // 1 / patients in a hospital
  // A line through the means of two hospitals fits them exactly: any tau is as likely as another.
  const known = !(split && sums.own.length === 2);
  let best = { theta: 0, ...profile(sums, 0, split) };
  const slopeAt = (t) => profile(sums, unit * Math.exp(t), split).derivative;
  let before = slopeAt(-16);
  for (let t = -16; known && t < 18; t += 0.5) {
    const after = slopeAt(t + 0.5);
    if (before < 0 && after >= 0) {
      let [low, high] = [t, t + 0.5];
      for (let k = 0; k < 50; k++) {
        const middle = (low + high) / 2;
        if (slopeAt(middle) < 0) low = middle;
        else high = middle;
      }
      const theta = unit * Math.exp((low + high) / 2);
      const found = { theta, ...profile(sums, theta, split) };
      if (found.minusTwo < best.minusTwo) best = found;
    }
    before = after;
  }
  const { theta, variance } = best;
  return {
    intercept: best.intercept,
    slope: best.slope,
    within: best.within,
    se: known ? best.se : NaN,
    seWithin: best.seWithin,
    tau: known ? Math.sqrt(theta * variance) : NaN,
    sigma: Math.sqrt(variance),
    icc: known ? theta / (1 + theta) : NaN,
    logLikelihood: -best.minusTwo / 2,
  };
}

// Everything that the figure draws and the tables say.
export function fitAll(data) {
  const sums = summarise(data);
  const pooled = profile(sums, 0, false); // without a variance of hospitals it is least squares
  return {
    hospitals: sums.own.map((h) => ({ x: h.x, y: h.y, slope: h.xy / h.xx })),
    pooled: { ...pooled, sigma: Math.sqrt(pooled.variance) },
    partial: fitMixed(sums, false),
    split: fitMixed(sums, true),
    // of the variation in severity, the share that lies between hospitals
    share: 1 - (sums.xx * pooled.se ** 2) / pooled.variance,
  };
}
