// After the first run the page opens without a network too.

// `root` is the address of the book.
export async function keepPage(root) {
  if (!navigator.serviceWorker) return; // only on https:// and localhost
  try {
    await navigator.serviceWorker.register(`${root}offline.js`);
    // these came before the service worker was there to keep them
    const came = performance.getEntriesByType("resource").map((entry) => entry.name);
    const store = await caches.open("book");
    for (const url of [location.href.split("#")[0], `${root}live/worker.js`, ...came])
      if (url.startsWith(root) && !(await store.match(url))) await store.add(url);
  } catch (error) {
    console.info(`This page will need a network: ${error}`); // it works all the same
  }
}
