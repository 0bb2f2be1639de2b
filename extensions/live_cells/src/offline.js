// Service worker at the root of the book: what has been opened once opens without a network too.
// Registered when a reader first runs a page, not before.

const KEPT = "book";
const SCOPE = self.registration.scope; // the address of the book

// An address with a hash never changes. The worker that runs Python puts it into the store.
async function kept(request) {
  return (await caches.match(request)) ?? fetch(request);
}

// Everything else is fetched, so that no reader sees an old page while there is a network.
async function fresh(request) {
  const old = () => caches.match(request, { ignoreSearch: true });
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    const found = await old();
    if (found) return found;
    throw error;
  }
  // JupyterLite asks for the same wheels without their hashes: to keep them once is enough
  const isWheel = request.url.startsWith(`${SCOPE}live/pyodide/`);
  if (response.status === 200 && !(isWheel && (await old()))) {
    const copy = response.clone();
    const store = await caches.open(KEPT);
    store.put(request, copy).catch(() => {}); // a full disk only means no page without a network
  }
  return response;
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || !url.startsWith(SCOPE)) return;
  event.respondWith(url.includes("?sha256=") ? kept(event.request) : fresh(event.request));
});
