/** Calls `ask` until it returns a value. The timeout has slack for a busy machine. */
export async function until<T>(what: string, ask: () => T | undefined, timeoutMs = 20_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const answer = ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`Waited ${timeoutMs} ms for ${what}`);
}
