import { z } from "zod";
import { walkPosition } from "./fetch-page.ts";

/**
 * How far a full run came. walk: page by page. confirm: Clerk is asked by id for those whom no page showed.
 * bury: they are deleted, or held. close: caches and conflicts.
 */
const sweepCheckpoint = z.object({
  phase: z.enum(["walk", "confirm", "bury", "close"]),
  position: walkPosition,
  pages: z.number().int(),
  /** Users that Clerk counted when the run began, and distinct users that its pages showed. */
  total: z.number().int(),
  seen: z.number().int(),
  /** A user of the last page: an answer by id that lacks them as well proves nothing. */
  sentinel: z.string().nullable(),
});

export type FullSyncCheckpoint = z.infer<typeof sweepCheckpoint>;

/** What the last runner stored. Undefined when nothing was, or an older build wrote it: then begin anew. */
export function readFullSyncCheckpoint(stored: unknown): FullSyncCheckpoint | undefined {
  return sweepCheckpoint.safeParse(stored).data;
}
