// In a notebook the explorable lives in a frame: it is as tall as it needs, and as dark as the notebook.
const frameOf = window.frameElement; // null where a notebook keeps its frames apart
if (frameOf) {
  const outside = frameOf.ownerDocument;
  const adopt = () => {
    const { theme } = outside.documentElement.dataset;
    const light = outside.body.dataset.jpThemeLight;
    const system = matchMedia("(prefers-color-scheme: dark)").matches;
    const dark = theme ? theme === "dark" : light ? light === "false" : system;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  adopt();
  for (const part of [outside.documentElement, outside.body])
    new MutationObserver(adopt).observe(part, { attributes: true });
  new ResizeObserver(() => {
    frameOf.style.height = `${document.documentElement.offsetHeight}px`;
  }).observe(document.documentElement);
}
