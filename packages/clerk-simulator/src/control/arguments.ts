import { z } from "zod";
import { faultSchema } from "../api/faults.ts";
import { rateLimitSchema } from "../api/rate-limit.ts";
import { requestFilterSchema } from "../api/request-log.ts";
import {
  membershipInputSchema,
  membershipPatchSchema,
  organizationInputSchema,
  organizationPatchSchema,
  organizationSeedSchema,
} from "../organizations/organizations.ts";
import { sessionTokenInputSchema } from "../sessions.ts";
import { historyFilterSchema } from "../users/history.ts";
import { userInputSchema, userPatchSchema } from "../users/user-input.ts";
import { changeOptionsSchema, seedOptionsSchema } from "../users/users.ts";
import { disturbanceSchema } from "../webhooks/disturbance.ts";
import { messageFilterSchema } from "../webhooks/message-log.ts";
import { webhookPatchSchema } from "../webhooks/settings.ts";
import { drainOptionsSchema, releaseOptionsSchema, signOptionsSchema } from "../webhooks/webhooks.ts";
import type { ClerkControl } from "./control.ts";

/** Any operation of the control, with parsed arguments. */
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
 * The argument schemas of each operation, for the side that receives JSON. The keys are also the list of remote
 * operations, and the type keeps both equal to `ClerkControl`.
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
  organizations: {
    create: z.tuple([organizationInputSchema.optional(), changeOptionsSchema.optional()]),
    update: z.tuple([id, organizationPatchSchema, changeOptionsSchema.optional()]),
    delete: z.tuple([id, changeOptionsSchema.optional()]),
    find: z.tuple([id]),
    list: z.tuple([paging.optional()]),
    count: none,
    seed: z.tuple([count, organizationSeedSchema.optional()]),
  },
  memberships: {
    create: z.tuple([id, id, membershipInputSchema.optional(), changeOptionsSchema.optional()]),
    update: z.tuple([id, id, membershipPatchSchema, changeOptionsSchema.optional()]),
    delete: z.tuple([id, id, changeOptionsSchema.optional()]),
    find: z.tuple([id, id]),
    list: z.tuple([paging.optional()]),
    count: none,
  },
  sessions: {
    signIn: z.tuple([id, z.object({ silent: z.boolean().optional() }).optional()]),
    mintToken: z.tuple([sessionTokenInputSchema]),
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
