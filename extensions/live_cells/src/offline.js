// Service worker at the root of the book: what has been opened once opens without a network too.
// Registered when a reader first runs a page, not before.

const KEPT = "book";
const SCOPE = self.registration.scope; // the address of the book
// An address with a hash never changes. The worker that runs Python puts it into the store.
const hasHash = (request) => request.url.includes("?sha256=");
// Scripts and style sheets carry their edition: better that of the page than another.
const stored = async (request) =>
  (await caches.match(request)) ?? caches.match(request, { ignoreSearch: !hasHash(request) });

// Put it into the store, in place of other editions of the same file.
async function keep(request, response) {
  const store = await caches.open(KEPT);
  await store.put(request, response);
  for (const other of await store.keys(request, { ignoreSearch: true }))
    if (other.url !== request.url && !hasHash(other)) await store.delete(other);
}

async function fetched(request) {
  const response = await fetch(request);
  // JupyterLite asks for the same wheels without their hashes: to keep them once is enough
  const old = await stored(request);
  if (response.status === 200 && !hasHash(request) && !(old && hasHash(old)))
    keep(request, response.clone()).catch(() => {}); // a full disk only means no page without a network
  return response;
}

async function answer(request) {
  // The browser keeps compiled WebAssembly only with what it has fetched itself.
  if (hasHash(request) && request.cache !== "reload" && !request.url.includes(".wasm?"))
    return (await stored(request)) ?? fetched(request);
  // Else from the network first, so that no reader sees an old page while there is one.
  try {
    return await fetched(request);
  } catch (error) {
    const old = await stored(request);
    if (old) return old;
    throw error;
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(SCOPE)) event.respondWith(answer(event.request));
});
