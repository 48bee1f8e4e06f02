import {
  createDeliveryReader,
  createSessionVerifier,
  type DeliveryReader,
  type SessionVerifier,
} from "@rollcall/clerk";
import { nameProfileEvent, type Overview } from "@rollcall/contracts";
import type { Logger, Telemetry } from "@rollcall/observability";
import {
  createRefusalLimit,
  type ForwardedHeaderWatch,
  openServices,
  type RefusalLimit,
  type Services,
  watchForwardedHeader,
} from "@rollcall/runtime";
import { countPostgresError, type EnsureContext, startPostgresMonitor } from "@rollcall/sync";
import { type Access, createAccess } from "./admin/access/access.ts";
import { createOverviewReader } from "./admin/overview.ts";
import type { ApiConfig } from "./config.ts";

/** The services and settings of the routes. The context is built once and passed to each plugin. */
export type ApiContext = Services & {
  config: ApiConfig;
  ensure: EnsureContext;
  verifySession: SessionVerifier;
  /** Undefined without a signing secret: webhooks are not configured. */
  readDelivery: DeliveryReader | undefined;
  /** Limits the addresses whose requests are refused. */
  refusalLimit: RefusalLimit;
  forwardedHeader: ForwardedHeaderWatch;
  /** One for all callers, because they share answers. */
  readOverview: () => Promise<Overview>;
  /** Undefined while no account of an operator is configured. */
  access: Access | undefined;
};

/** Builds the context. It connects in the background, so the api starts while a database is down. */
export function createApiContext(config: ApiConfig, log: Logger, telemetry?: Telemetry): ApiContext {
  const services = openServices(config, {
    program: "api",
    log,
    telemetry,
    onIdleError: () => postgres.check(),
  });
  const { pool, metrics, sessionCache, producers, autoCreate } = services;
  const { profileName: profile } = pool.tables;
  const postgres = startPostgresMonitor(pool, (isDown, reason) => {
    if (isDown)
      log.error({ event: "postgres_lost", err: reason }, "Postgres does not answer, or refuses writes");
    else log.info({ event: "postgres_back" }, "Postgres answers");
  });
  return {
    ...services,
    config,
    ensure: {
      pool,
      postgres,
      sessionCache,
      queue: producers.ensure,
      autoCreate,
      timeoutMs: config.ENSURE_TIMEOUT_MS,
      onCacheRead: (result) => metrics.count("rollcall_session_cache_total", { result }),
      onFailure: (error) => countPostgresError(metrics, error),
      onCacheWithoutProfile: (clerkId) =>
        log.warn(
          { event: nameProfileEvent("missing_in_cache", profile), clerkId },
          `cache hit but ${profile} missing`,
        ),
    },
    verifySession: createSessionVerifier({
      jwtKey: config.CLERK_JWT_KEY,
      authorizedParties: config.CLERK_AUTHORIZED_PARTIES,
      acceptsMissingAzp: config.CLERK_ACCEPT_MISSING_AZP,
      issuer: config.CLERK_ISSUER,
    }),
    readDelivery:
      config.CLERK_WEBHOOK_SIGNING_SECRET &&
      createDeliveryReader(config.CLERK_WEBHOOK_SIGNING_SECRET, {
        organizations: pool.tables.organizations !== undefined,
      }),
    refusalLimit: createRefusalLimit(),
    forwardedHeader: watchForwardedHeader(log, config.TRUST_PROXY),
    readOverview: createOverviewReader(services),
    access: createAccess({ pool, metrics, config }),
    close: async () => {
      postgres.close();
      await services.close();
    },
  };
}
