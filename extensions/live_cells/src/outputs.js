// What a cell shows, written as the built page writes it, so that the same styles apply.

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

// A box that scrolls sideways must be a tab stop, as book.js has it for the built page.
const scrolling = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

function asText(text, kind) {
  const box = element("div", `output ${kind} notranslate`);
  const frame = element("div", "highlight");
  const pre = element("pre", "", text);
  frame.append(pre);
  box.append(frame);
  scrolling.observe(pre);
  return box;
}

function asHtml(text) {
  const box = element("div", "output text_html");
  box.innerHTML = text;
  box.querySelectorAll("style[scoped]").forEach((style) => style.remove());
  // pandas writes headers of nothing, and none says what it heads
  for (const table of box.querySelectorAll("table.dataframe")) {
    table.removeAttribute("border");
    for (const header of table.querySelectorAll("th")) {
      if (header.textContent.trim())
        header.scope = header.closest("thead") ? "col" : "row";
      else header.replaceWith(element("td", ""));
    }
  }
  // the parser leaves scripts asleep
  for (const asleep of box.querySelectorAll("script")) {
    const script = document.createElement("script");
    for (const { name, value } of asleep.attributes) script.setAttribute(name, value);
    script.textContent = asleep.textContent;
    asleep.replaceWith(script);
  }
  scrolling.observe(box);
  return box;
}

function imageSource(kind, data) {
  if (kind === "image/png") return `data:image/png;base64,${data.trim()}`;
  return URL.createObjectURL(new Blob([data], { type: kind }));
}

// A figure keeps the frame, the caption and the description that the built page gives it.
function asImage(kind, data, frames, edited) {
  const frame = frames.shift() ?? new Image();
  const image = frame.matches("img") ? frame : frame.querySelector("img");
  image.src = imageSource(kind, data);
  image.dataset.alt ??= image.alt;
  const original = image.dataset.alt;
  image.alt = edited
    ? `Figure drawn by the changed code.${original && ` Before the change: ${original}`}`
    : original || "Figure drawn by this cell.";
  return frame;
}

// Show the outputs, pairs of kind and text, in a box. `frames` are the built page's figures.
export function show(box, outputs, frames, edited) {
  for (const { src } of box.querySelectorAll("img[src^='blob:']")) URL.revokeObjectURL(src);
  const left = [...frames];
  const made = outputs.map(([kind, data]) => {
    if (kind === "text/html") return asHtml(data);
    if (kind.startsWith("image/")) return asImage(kind, data, left, edited);
    if (kind === "error") return asText(data.trimEnd(), "traceback");
    if (kind === "text/plain") return asText(data, "text_plain");
    return asText(data, kind === "stderr" ? "stderr" : "stream");
  });
  box.replaceChildren(...made);
}
