import { Window } from "happy-dom";

/**
 * A document for React. All other parts of a browser are missing: fetch, timers and signals are Node's own. Import this
 * module first, because libraries check for a document when they are loaded.
 */
const window = new Window({ url: "http://127.0.0.1/" });
const { document: page, navigator } = window;
// Newer versions of Node have a read-only navigator.
for (const [name, value] of Object.entries({ window, document: page, navigator })) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}

export const document = globalThis.document;
