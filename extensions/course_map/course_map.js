// What a reader has read, kept in the reader's browser and nowhere else.
(() => {
  const boxes = [...document.querySelectorAll("input[data-chapter]")];
  const key = (chapter) => `multilevel-models:read:${chapter}`;
  let kept = true; // a browser may forbid storage; then marks last until the page is left
  const store = (act) => {
    try {
      return act(window.localStorage);
    } catch {
      kept = false;
      return null;
    }
  };
  const progress = document.querySelector(".course-progress");

  function say() {
    if (!progress) return;
    const minutes = (box) => Number(box.closest("li").dataset.minutes);
    const left = boxes.filter((box) => !box.checked);
    const hours = Math.round(left.reduce((sum, box) => sum + minutes(box), 0) / 60);
    const text = `${boxes.length - left.length} of ${boxes.length} chapters read`;
    const rest = left.length ? `, about ${hours} hours with exercises to go.` : ".";
    const where = kept
      ? " Your marks stay in this browser."
      : " This browser keeps nothing: your marks last until you leave the page.";
    progress.querySelector("[role=status]").textContent = text + rest + where;
  }

  function show() {
    for (const box of boxes) {
      box.checked = store((storage) => storage.getItem(key(box.dataset.chapter))) === "yes";
    }
    say();
  }

  for (const box of boxes) {
    box.addEventListener("change", () => {
      const name = key(box.dataset.chapter);
      store((storage) => (box.checked ? storage.setItem(name, "yes") : storage.removeItem(name)));
      say();
    });
  }
  progress?.querySelector("button").addEventListener("click", () => {
    for (const box of boxes) {
      store((storage) => storage.removeItem(key(box.dataset.chapter)));
      box.checked = false;
    }
    // A region is announced when it changes: the same words again are taken away first.
    progress.querySelector("[role=status]").replaceChildren();
    setTimeout(say, 100);
  });
  window.addEventListener("storage", show); // marked in another tab
  window.addEventListener("pageshow", (event) => event.persisted && show());

  document.querySelectorAll(".read-mark, .course-progress").forEach((part) => (part.hidden = false));
  show();
})();
