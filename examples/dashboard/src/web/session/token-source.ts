/** Clerk's tokens live for 60 s; one that has less left than the rest of a request may need is not given out. */
const usedForMs = 45_000;

/** Gives the same token for a while, and asks for one at a time however many want it. */
export function createTokenSource(makeToken: () => Promise<string | null>): () => Promise<string | null> {
  let token: Promise<string | null> | undefined;
  let madeAtMs = 0;
  return () => {
    if (token === undefined || Date.now() - madeAtMs > usedForMs) {
      madeAtMs = Date.now();
      const asked = makeToken();
      token = asked;
      const forget = () => {
        if (token === asked) token = undefined;
      };
      asked.then((made) => made === null && forget(), forget);
    }
    return token;
  };
}
