import { points } from "./words.mjs";

// Cases to predict. Each starts from the book's world with `from` changed, and changes `to` then;
// the reader says beforehand which way `slope` will go.

const percent = (share) => `${Math.round(100 * share)} %`;

export const CASES = {
  "blue-closes": {
    label: "Blue closes",
    from: {},
    to: { n_hospitals: 2 },
    slope: "pooled",
    story: "The three hospitals of the book. Blue closes, and its patients leave the data.",
    lesson: (before, after) =>
      `Red and Green differ less: of the variation in severity ${percent(after.share)} lies ` +
      `between hospitals, before it was ${percent(before.share)}. Patients weigh more now, and ` +
      `inside hospitals the trend still falls (${points(after.split.within)}).`,
  },
  "equal-staff": {
    label: "Equal staff",
    from: {},
    to: { staff: 0 },
    slope: "pooled",
    story: "The three hospitals of the book. Staff quality no longer matters to anybody.",
    lesson: (before, after) =>
      `Without the detour through staff, hospitals follow the slope of patients: between ` +
      `${points(after.split.slope)}, within ${points(after.split.within)}. Nothing is left to flip.`,
  },
  "two-patients": {
    label: "Two patients each",
    from: { n_hospitals: 40 },
    to: { n_hospitals: 40, n_patients: 2 },
    slope: "partial",
    story: "Forty hospitals with thirty patients each. Now only two patients of each are asked.",
    lesson: (before, after) =>
      `Two patients say little about their own hospital, so the model borrows from the slope ` +
      `between hospitals. The within slope of the within–between model stays free of it: ` +
      `${points(after.split.within)}, though less certain (standard error ` +
      `${points(after.split.seWithin, "")}, before ${points(before.split.seWithin, "")}).`,
  },
  "forty-hospitals": {
    label: "Forty hospitals",
    from: {},
    to: { n_hospitals: 40 },
    slope: "pooled",
    story: "The three hospitals of the book. Thirty-seven hospitals sampled from the world join.",
    lesson: (before, after) =>
      `Sampled hospitals lie closer together than Red, Green and Blue, which were chosen. The ` +
      `sign stays wrong for patients: more data do not remove the paradox. What they bring is ` +
      `knowledge of the hospitals: the standard error of the between slope goes from ` +
      `${points(before.split.se, "")} to ${points(after.split.se, "")}.`,
  },
};
