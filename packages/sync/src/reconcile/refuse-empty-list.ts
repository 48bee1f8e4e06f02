import { AppError } from "@rollcall/contracts";
import { hasLiveUsers } from "@rollcall/db";
import type { Runner } from "./runner.ts";

/** Another instance's key looks like this. @throws AppError `reconcile.list_empty` while there are live users here */
export async function refuseEmptyList({ context }: Runner): Promise<void> {
  if (!(await hasLiveUsers(context.pool))) return;
  throw new AppError("reconcile.list_empty", "Clerk listed nobody, and there are users here");
}
