// Clerk's script of a page, for apps with the real `@clerk/react` or `@clerk/nextjs`: their providers take `window.Clerk`
// when it is there and load nothing. Its sign-in shows a form that signs a user up at the simulator. As at Clerk, the
// session is in this browser and the token is in a cookie. `simulateClerk` is the test's own function.

(() => {
  const listeners = new Set();
  const signedOut = { client: { signedInSessions: [] }, session: null, user: null, organization: null };

  function describe({ userId, sid }) {
    const user = { id: userId, organizationMemberships: [] };
    const session = {
      ...{ id: sid, status: "active", user, factorVerificationAge: [0, -1] },
      lastActiveToken: { jwt: { claims: { sub: userId, sid } } },
      getToken: () => makeToken({ userId, sid }),
    };
    return { client: { signedInSessions: [session] }, session, user, organization: null };
  }

  const makeToken = (session) => window.simulateClerk("token", session);

  async function begin(session) {
    const token = await makeToken(session);
    const now = Math.floor(Date.now() / 1000);
    // Clerk's servers compare the time of the sign-in with the token's.
    // biome-ignore-start lint/suspicious/noDocumentCookie: Clerk writes its cookies this way
    document.cookie = `__client_uat=${now - 30}; path=/`;
    document.cookie = `__session=${token}; path=/`;
    // biome-ignore-end lint/suspicious/noDocumentCookie: Clerk writes its cookies this way
    emit(describe(session));
  }

  function emit(resources) {
    clerk.__internal_lastEmittedResources = resources;
    Object.assign(clerk, resources);
    for (const listener of listeners) listener(resources);
  }

  const clerk = {
    ...{ version: "6.0.0", loaded: false, status: "loading", ...signedOut },
    async load() {
      // Clerk's own script comes over the network, so the page's first render is over by then.
      if (document.readyState !== "complete")
        await new Promise((resolve) => addEventListener("load", resolve));
      await new Promise((resolve) => requestIdleCallback(resolve));
      const kept = localStorage.getItem("session");
      if (kept) await begin(JSON.parse(kept));
      else emit(signedOut);
      clerk.loaded = true;
      clerk.status = "ready";
    },
    addListener(listener, options) {
      listeners.add(listener);
      if (clerk.__internal_lastEmittedResources && !options?.skipInitialEmit)
        listener(clerk.__internal_lastEmittedResources);
      return () => listeners.delete(listener);
    },
    on: (_event, listener, options) => options?.notify && listener(clerk.status),
    off: () => undefined,
    mountSignIn(node) {
      node.innerHTML = `<form><label>Name <input name="name"></label><button>Sign up</button></form>`;
      node.querySelector("form").addEventListener("submit", async (event) => {
        event.preventDefault();
        const session = await window.simulateClerk("signUp", new FormData(event.target).get("name"));
        localStorage.setItem("session", JSON.stringify(session));
        await begin(session);
        const next = new URLSearchParams(location.search).get("redirect_url");
        if (next) location.assign(next);
      });
    },
    unmountSignIn: (node) => node.replaceChildren(),
    __internal_updateProps: () => undefined,
  };

  window.__internal_ClerkUICtor = class {};
  window.Clerk = clerk;
})();
