import { Window } from "happy-dom";

/**
 * A document for React, and nothing else of a browser: fetch, timers and signals stay Node's own. Import it
 * before everything else, since libraries look for a document when they are loaded.
 */
const window = new Window({ url: "http://127.0.0.1/" });
Object.assign(globalThis, { window, document: window.document });

export const document = globalThis.document;
