// After its first run a page opens without a network too.

import { WORKER } from "./session.js";

// `root` is the address of the book.
export async function keepPage(root) {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return; // only on https:// and localhost
  try {
    await serviceWorker.register(`${root}offline.js`);
  } catch (error) {
    return console.info(`The page will need a network: ${error}`); // it works all the same
  }
  if (!serviceWorker.controller)
    await new Promise((done) => (serviceWorker.oncontrollerchange = done));
  // These came before the service worker was there: it keeps what passes it.
  const came = performance.getEntriesByType("resource").map(({ name }) => name);
  const urls = new Set([location.href.split("#")[0], WORKER, ...came]);
  for (const url of urls) if (url.startsWith(root)) await fetch(url).catch(() => {});
}
