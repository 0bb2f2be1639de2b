// Service worker at the root of the book: what has been opened once opens without a network too.
// Registered when the reader first runs a page, not before.

const KEPT = "book";
const SCOPE = self.registration.scope; // the address of the book

async function keep(request, response) {
  if (response.status !== 200) return response;
  const copy = response.clone();
  const store = await caches.open(KEPT);
  store.put(request, copy).catch(() => {}); // a full disk only means no page without a network
  return response;
}

// An address with a hash never changes: from the store, or from the network into the store.
async function kept(request) {
  return (await caches.match(request)) ?? keep(request, await fetch(request));
}

// Everything else is fetched, so that no reader sees an old page while there is a network.
async function fresh(request) {
  // JupyterLite asks for the same wheels without their hashes: to keep them once is enough
  const wheel = request.url.startsWith(`${SCOPE}live/pyodide/`);
  const old = () => caches.match(request, { ignoreSearch: true });
  try {
    const response = await fetch(request);
    return wheel && (await old()) ? response : await keep(request, response);
  } catch (error) {
    const found = await old();
    if (found) return found;
    throw error;
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || !url.startsWith(SCOPE)) return;
  event.respondWith(url.includes("?sha256=") ? kept(event.request) : fresh(event.request));
});
