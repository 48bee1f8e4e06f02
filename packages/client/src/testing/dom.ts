import { Window } from "happy-dom";

/**
 * A document for React, and nothing else of a browser: fetch, timers and signals stay Node's own. Import it
 * before everything else, since libraries look for a document when they are loaded.
 */
const window = new Window({ url: "http://127.0.0.1/" });
const { document: page, navigator } = window;
// Newer versions of Node have a navigator that cannot be assigned to.
for (const [name, value] of Object.entries({ window, document: page, navigator })) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}

export const document = globalThis.document;
