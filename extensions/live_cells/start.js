// All that a page loads before its reader asks for more: the button, and what hovering promises.
(() => {
  const bar = document.querySelector(".live-bar");
  const button = bar.querySelector(".live-start");
  const say = (sentence) => (bar.querySelector(".live-status").textContent = sentence);
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  const load = () => import(new URL(`live/live.js?v=${button.dataset.edition}`, root).href);
  const thrifty = navigator.connection && navigator.connection.saveData;
  let resting;

  // Resting on the button, not passing over it, starts the download.
  function rest() {
    if (thrifty || bar.dataset.state !== "closed") return;
    resting = setTimeout(() => load().then((page) => page.prefetch(), () => {}), 300);
  }

  async function press() {
    if (typeof WebAssembly !== "object" || !window.Worker) {
      say("This browser is too old to run Python. Read on here, or open the page in a newer one.");
      return;
    }
    button.disabled = true;
    say("Opening the editors …");
    try {
      (await load()).open();
    } catch (error) {
      say("The editors could not be fetched from this site. Check your connection and reload the page.");
    }
    button.disabled = false;
  }

  bar.dataset.state = "closed";
  button.hidden = false;
  button.addEventListener("click", press);
  for (const event of ["pointerenter", "focus"]) button.addEventListener(event, rest);
  for (const event of ["pointerleave", "blur"])
    button.addEventListener(event, () => clearTimeout(resting));
})();
