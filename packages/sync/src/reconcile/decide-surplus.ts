import { type CatchUpState, type Pool, requestRun } from "@rollcall/db";

const lastingPasses = 3;

/**
 * Decides what a difference between the numbers here and at Clerk means. One that stays the same over three passes without
 * writes requests a full sync. It does so once for each difference, because a full sync may be unable to repair it.
 *
 * @param surplus rows here minus entries at Clerk; undefined in a pass that compares nothing
 * @param hasChanges whether the pass repaired anything
 */
export async function decideSurplus(
  pool: Pool,
  state: CatchUpState,
  surplus: number | undefined,
  hasChanges: boolean,
): Promise<Omit<CatchUpState, "watermarkMs">> {
  if (surplus === undefined) return hasChanges ? { ...state, surplusPasses: 0 } : state;
  if (surplus === 0) return { surplus, surplusPasses: 0, checkedSurplus: 0 };
  const lasts = surplus === state.surplus && !hasChanges;
  const surplusPasses = lasts ? state.surplusPasses + 1 : 1;
  if (surplusPasses < lastingPasses || surplus === state.checkedSurplus) {
    return { surplus, surplusPasses, checkedSurplus: state.checkedSurplus };
  }
  const request = { mode: "full", dryRun: false, startedBy: "catch-up" } as const;
  const { isNew } = await requestRun(pool, request);
  return { surplus, surplusPasses, checkedSurplus: isNew ? surplus : state.checkedSurplus };
}
