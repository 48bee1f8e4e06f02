import { z } from "zod";

const count = z.number().int().nonnegative();
const timestamp = z.iso.datetime({ offset: true });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const zone = z
  .string()
  .max(64)
  .refine(isTimeZone, "must be the name of a time zone, like America/Sao_Paulo")
  .default("UTC");

/** `GET growth`. Days are those of `zone`, UTC by default. */
export const growthQuery = z.object({ days: z.coerce.number().int().min(1).max(366).default(30), zone });

/** `GET growth/hours`. */
export const growthHoursQuery = z.object({ hours: z.coerce.number().int().min(1).max(168).default(48) });

const growth = {
  /** Users by the time of their sign-up at Clerk. Deleted users stay counted. */
  signUps: count,
  /** Users that got a profile, made or linked, by the time at which they got it. */
  provisioned: count,
  /** Users by the time at which Rollcall recorded their deletion. */
  deleted: count,
};

export const growthDay = z.object({ day: z.iso.date(), ...growth });
export const growthHour = z.object({
  /** The start of the hour. */
  hour: timestamp,
  ...growth,
  /** All events of the timeline. */
  events: count,
});

export type GrowthDay = z.infer<typeof growthDay>;
export type GrowthHour = z.infer<typeof growthHour>;

/** Everything up to this time is counted. It is a few seconds ago, or longer while no worker runs. */
const upTo = timestamp;

/** Oldest first. The last day is today. */
export const growthAnswer = z.object({ items: z.array(growthDay), zone: z.string(), upTo });

/** Oldest first. The last hour is the present one. */
export const growthHoursAnswer = z.object({ items: z.array(growthHour), upTo });

export type GrowthAnswer = z.infer<typeof growthAnswer>;
export type GrowthHoursAnswer = z.infer<typeof growthHoursAnswer>;
