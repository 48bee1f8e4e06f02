import type { JsonWebKey } from "node:crypto";
import { AppError, withTimeout } from "@rollcall/contracts";
import { z } from "zod";
import { toStatusError } from "./request.ts";

/**
 * What commands ask Clerk about the instance itself. These requests are rare, so they go through Clerk's own package. Each
 * function throws AppError with the codes of the gateway. No error holds the key or a text of the package.
 */
export type InstanceApi = {
  /** The public keys of session tokens. */
  readKeys(): Promise<JsonWebKey[]>;
  /**
   * Makes a link to the page of the instance's webhooks. The link is a login for a short time, so it belongs to no log.
   *
   * @returns undefined as long as the instance has no webhooks: then it has no endpoint either
   */
  findWebhookPage(): Promise<string | undefined>;
  /** Gives the instance webhooks, without an endpoint. Does nothing if it has them. */
  turnOnWebhooks(): Promise<void>;
};

export type InstanceApiOptions = {
  secretKey: string;
  /** Without a path, e.g. https://api.clerk.com */
  apiUrl: string;
  timeoutMs?: number;
  /** Called for a request that goes on after its deadline, because Clerk's package cannot end it. */
  onAbandoned?: () => void;
};

export function createInstanceApi(options: InstanceApiOptions): InstanceApi {
  const { secretKey, apiUrl, timeoutMs = 5_000 } = options;

  // Loaded when it is needed: it takes longer than the rest of a command's start.
  async function openClerk() {
    const { createClerkClient } = await import("@clerk/backend");
    return createClerkClient({ secretKey, apiUrl, telemetry: { disabled: true } });
  }

  async function ask<T>(request: (clerk: Clerk) => Promise<unknown>, shape: z.ZodType<T>): Promise<T> {
    const clerk = await openClerk();
    let isOver = false;
    const work = request(clerk)
      .catch((error: unknown) => Promise.reject(toClerkError(error)))
      .finally(() => {
        isOver = true;
      });
    try {
      const read = shape.safeParse(await withTimeout(work, timeoutMs, "clerk.unavailable", "Clerk's answer"));
      if (read.success) return read.data;
      throw new AppError("clerk.unreadable", "Clerk's answer has an unexpected form");
    } finally {
      if (!isOver) options.onAbandoned?.();
    }
  }

  return {
    readKeys: async () => (await ask((clerk) => clerk.jwks.getJwks(), keySet)).keys,
    findWebhookPage: async () => {
      try {
        return (await ask((clerk) => clerk.webhooks.generateSvixAuthURL(), page)).svix_url;
      } catch (error) {
        if (isRefusal(error, "svix_app_missing")) return undefined;
        throw error;
      }
    },
    turnOnWebhooks: async () => {
      try {
        await ask((clerk) => clerk.webhooks.createSvixApp(), z.unknown());
      } catch (error) {
        if (isRefusal(error, "svix_app_exists")) return;
        throw error;
      }
    },
  };
}

type Clerk = ReturnType<typeof import("@clerk/backend")["createClerkClient"]>;

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });
const page = z.object({ svix_url: z.string() });

/** Clerk's own codes of a 400 that are no failure. */
const expectedCodes = ["svix_app_missing", "svix_app_exists"] as const;

function isRefusal(error: unknown, code: (typeof expectedCodes)[number]): boolean {
  return error instanceof AppError && error.code === "clerk.unreadable" && error.reason === code;
}

/** The error of Clerk's package. `status` is missing without an answer, `retryAfter` is in seconds. */
const packageError = z.object({
  status: z.number(),
  retryAfter: z.number().optional(),
  errors: z.array(z.object({ code: z.string() })),
});

/** The texts of an error may hold the request's headers, and so the key. Only the status and a known code are taken. */
function toClerkError(error: unknown): AppError {
  const read = packageError.safeParse(error);
  if (!read.success) return new AppError("clerk.unavailable", "Clerk was not reached");
  const { status, retryAfter, errors } = read.data;
  const reason = expectedCodes.find((code) => errors[0]?.code === code);
  if (status === 400 && reason)
    return new AppError("clerk.unreadable", `Clerk answered ${status}`, { reason });
  return toStatusError(status, retryAfter === undefined ? {} : { retryAfterMs: retryAfter * 1_000 });
}
