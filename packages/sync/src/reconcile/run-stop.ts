/**
 * Why a run stops before its end. lost: another runner has the lease, or may have. cancelled: a person wants it.
 * interrupted: this process wants to end.
 */
export class RunStop extends Error {
  readonly why: "lost" | "cancelled" | "interrupted";

  constructor(why: RunStop["why"]) {
    super(`The run is ${why}`);
    this.name = "RunStop";
    this.why = why;
  }
}
