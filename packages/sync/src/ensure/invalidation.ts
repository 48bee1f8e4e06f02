import { AppError } from "@rollcall/contracts";

/**
 * `throw`: `invalidate` throws AppError `queue.unavailable`, and the caller's work is repeated. A function: it gets that
 * error, and compensates for the keys or throws an error of its own.
 */
export type OnInvalidationFailure = "throw" | ((error: AppError) => unknown);

/** Deletes keys, and treats a failure as the caller wants. */
export async function invalidateKeys(
  deleteKeys: () => Promise<unknown>,
  { onFailure }: { onFailure: OnInvalidationFailure },
): Promise<void> {
  try {
    await deleteKeys();
  } catch (cause) {
    const error = new AppError("queue.unavailable", "The session cache was not invalidated", { cause });
    if (onFailure === "throw") throw error;
    await onFailure(error);
  }
}
