import type { Queryable, RunProgress } from "@rollcall/db";
import { z } from "zod";
import { entryPosition, entryStart } from "./walk-entries.ts";

const perKind = <Schema extends z.ZodType>(schema: Schema) =>
  z.object({ organizations: schema, memberships: schema });

/**
 * The progress of a full sync over organizations and memberships; part of its checkpoint. organizations, memberships: this
 * list of Clerk's is read and written. confirm: Clerk is asked by id for each candidate. end: the absent ones end, or are held.
 */
export const organizationProgress = z.object({
  phase: z.enum(["organizations", "memberships", "confirm", "end", "done"]),
  position: entryPosition,
  /** Walks over the present list. */
  walks: z.number().int(),
  /** Rows that this run made. */
  made: perKind(z.number().int()),
  /** Ends that it holds. */
  held: perKind(z.number().int()),
});

export type OrganizationProgress = z.infer<typeof organizationProgress>;

/** The progress before the first step. */
export const organizationStart: OrganizationProgress = {
  phase: "organizations",
  position: entryStart,
  walks: 1,
  made: { organizations: 0, memberships: 0 },
  held: { organizations: 0, memberships: 0 },
};

type Step = (client: Queryable) => Promise<RunProgress & { organizations?: OrganizationProgress }>;

/** Stores a step together with the progress. A progress that only the step knows goes before the given one. */
export type Advance = (progress: OrganizationProgress, step: Step) => Promise<unknown>;
