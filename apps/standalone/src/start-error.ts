/** The start cannot go on; the message says why and what to do, for the person at the terminal. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "StartError";
  }
}
