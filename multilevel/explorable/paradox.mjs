// The scene of the paradox: simulated patients, four models, and slopes along a slider.
import { makeDraws, simulate, fitAll } from "./model.mjs";
import { drawCloud, drawSweep } from "./picture.mjs";
import { template } from "./markup.mjs";
import { cellTexts, note, summary, truth, verdict } from "./words.mjs";

function open(host, setup) {
  const { sliders, world, against } = setup;
  const find = (selector) => host.querySelector(selector);
  const cells = [...host.querySelectorAll("[data-cell]")];
  const draws = makeDraws(setup, sliders.n_hospitals.high, sliders.n_patients.high);
  const analyse = (values) => {
    const data = simulate(draws, world.intercept, values);
    return { data, fits: fitAll(data) };
  };

  function draw({ data, fits }, values) {
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
    const [slopes, flip] = verdict(fits);
    find(".verdict").innerHTML = `${slopes} <strong>${flip}</strong>`;
    find(".note").textContent = note(fits, real, values);
    if (against) sweep(values);
  }

  function sweep(values) {
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

  return { analyse, draw, summary: (before, after) => summary(before.fits, after.fits) };
}

export const PARADOX = { template, open };
