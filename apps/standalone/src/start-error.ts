/** The start failed. The message gives the reason and the fix, for the terminal. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "StartError";
  }
}
