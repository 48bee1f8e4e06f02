import type { Ledger } from "../ledger.ts";
import type { Post } from "../perform/deliver.ts";
import { writeMessage } from "../perform/messages.ts";

/**
 * Makes up for deliveries that were lost: one nudge for every account. This stands in for the reconcile
 * schedule; with that, it only has to wait.
 */
export async function healLost(ledger: Ledger, post: Post): Promise<void> {
  const accounts = [...ledger.accounts.values()].filter(({ isPoison }) => !isPoison);
  accounts.forEach(({ id, versions, leftAtMs }, index) => {
    const type = leftAtMs === undefined ? "user.updated" : "user.deleted";
    post.send(writeMessage(type, id, versions.at(-1)), [{ afterMs: 4 * index, api: index % 2 }]);
  });
  await post.delivered();
}
