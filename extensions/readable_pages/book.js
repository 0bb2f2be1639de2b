// A box that scrolls must be a tab stop, and one that does not must not be. The theme decides this
// on loading, when folded boxes have no width yet; an observer also sees them unfold.
const boxes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
const observe = () =>
  document
    .querySelectorAll(".bd-article pre, .cell_output > .output, .formula, .pst-scrollable-table-container")
    .forEach((box) => (boxes.unobserve(box), boxes.observe(box)));
observe();
document.fonts.ready.then(observe); // a font that arrives changes what is in a box, not the box
