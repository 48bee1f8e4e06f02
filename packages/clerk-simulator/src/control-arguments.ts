import { z } from "zod";
import type { ClerkControl } from "./control.ts";
import { faultSchema } from "./faults.ts";
import { historyFilterSchema } from "./history.ts";
import { rateLimitSchema } from "./rate-limit.ts";
import { requestFilterSchema } from "./request-log.ts";
import { tokenInputSchema } from "./session-tokens.ts";
import { userInputSchema, userPatchSchema } from "./user-input.ts";
import { changeOptionsSchema, seedOptionsSchema } from "./users.ts";
import { disturbanceSchema } from "./webhook-disturbance.ts";
import { messageFilterSchema } from "./webhook-log.ts";
import { webhookPatchSchema } from "./webhook-settings.ts";
import { drainOptionsSchema, releaseOptionsSchema, signOptionsSchema } from "./webhooks.ts";

/** Any operation of the control, once its name has been looked up and its arguments parsed. */
type Operation = (...args: never[]) => unknown;
type ArgumentsOf<T> = T extends Operation ? z.ZodType<Parameters<T>> : never;
type ControlArguments = {
  [Group in keyof ClerkControl]: {
    [Name in keyof ClerkControl[Group]]: ArgumentsOf<ClerkControl[Group][Name]>;
  };
};

const none = z.tuple([]);
const id = z.string();
const count = z.number().int().nonnegative();
const paging = z.object({ offset: count.optional(), limit: count.optional() });

/**
 * What each operation takes, for the side that receives it as JSON. Its keys are also the list of operations
 * that the remote control offers, and the type holds both to `ClerkControl`.
 */
export const controlArguments: ControlArguments = {
  users: {
    create: z.tuple([userInputSchema.optional(), changeOptionsSchema.optional()]),
    update: z.tuple([id, userPatchSchema, changeOptionsSchema.optional()]),
    delete: z.tuple([id, changeOptionsSchema.optional()]),
    ban: z.tuple([id]),
    unban: z.tuple([id]),
    get: z.tuple([id]),
    find: z.tuple([id]),
    list: z.tuple([paging.optional()]),
    count: none,
    seed: z.tuple([count, seedOptionsSchema.optional()]),
  },
  sessions: {
    signIn: z.tuple([id, z.object({ silent: z.boolean().optional() }).optional()]),
    mintToken: z.tuple([tokenInputSchema]),
  },
  webhooks: {
    configure: z.tuple([webhookPatchSchema]),
    settings: none,
    disturb: z.tuple([disturbanceSchema]),
    calm: none,
    disturbance: none,
    hold: none,
    release: z.tuple([releaseOptionsSchema.optional()]),
    list: z.tuple([messageFilterSchema.optional()]),
    totals: none,
    drain: z.tuple([drainOptionsSchema.optional()]),
    sign: z.tuple([z.string(), signOptionsSchema.optional()]),
    send: z.tuple([z.string(), z.unknown()]),
  },
  faults: {
    add: z.tuple([faultSchema]),
    remove: z.tuple([count]),
    heal: none,
    list: none,
  },
  requests: {
    list: z.tuple([requestFilterSchema.optional()]),
    totals: none,
    clear: none,
    setRateLimit: z.tuple([rateLimitSchema.nullable()]),
    windows: none,
  },
  history: { list: z.tuple([historyFilterSchema.optional()]) },
};
