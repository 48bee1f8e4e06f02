import { EnvironmentError, readEnvironment, variables } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { readText } from "./tree.ts";

const list = z.array(z.string());
const duration = z.string().regex(/^\d+s$/);
/** Strict, as Compose is: an unknown key is a mistake. So `env_file`, `privileged` and `cap_add` are refused too. */
const service = z.strictObject({
  image: z.string(),
  build: z.literal(".").optional(),
  command: list.optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  cap_drop: list,
  read_only: z.boolean(),
  security_opt: list,
  tmpfs: list,
  user: z.string().optional(),
  ports: list.optional(),
  volumes: list.optional(),
  networks: list,
  healthcheck: z
    .strictObject({
      test: list.refine(([kind]) => kind === "CMD" || kind === "CMD-SHELL"),
      ...{ interval: duration, timeout: duration, start_period: duration },
    })
    .optional(),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({ condition: z.enum(["service_healthy", "service_completed_successfully"]) }),
    )
    .optional(),
  restart: z.enum(["no", "unless-stopped"]),
  stop_grace_period: duration.optional(),
});

const file = z.strictObject({
  name: z.string(),
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.strictObject({ internal: z.literal(true) }).nullable()),
  volumes: z.record(z.string(), z.null()),
});

// Compose merges `<<` as YAML 1.1 does, and ignores what begins with `x-`.
const { services, networks, volumes } = file.parse(
  Object.fromEntries(
    Object.entries(
      z.record(z.string(), z.unknown()).parse(parse(readText("docker-compose.yml"), { merge: true })),
    ).filter(([name]) => !name.startsWith("x-")),
  ),
);
const named = (name: string) => {
  const found = services[name];
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
};
/** What Compose does with the file's own passwords. */
const fill = (value: unknown) => String(value).replace(/\$\{\w+:\?[^}]*\}/g, "letters1");
const variablesOf = (name: string) => Object.keys(named(name).environment);

describe.each(Object.entries(services))("the service %s", (name, it) => {
  test("has no privilege, no writable image and no way to more", () => {
    expect(it).toMatchObject({
      cap_drop: ["ALL"],
      read_only: true,
      security_opt: ["no-new-privileges:true"],
    });
    // The image of Rollcall sets its user itself.
    expect(it.user ?? /^USER (\w+)$/m.exec(readText("Dockerfile"))?.[1]).toMatch(/^(postgres|redis|node)$/);
    expect(it.tmpfs).toContain("/tmp");
  });

  test("names only networks and volumes of the file, and files of this repository", () => {
    expect(it.networks.filter((one) => !(one in networks))).toEqual([]);
    const sources = (it.volumes ?? []).map((volume) => volume.split(":")[0] ?? "");
    expect(sources.filter((one) => !(one in volumes) && one !== "./ops")).toEqual([]);
    for (const path of it.command?.filter((word) => word.startsWith("/ops/")) ?? [])
      expect(readText(path.slice(1))).not.toBe("");
    if (it.image === "rollcall") expect(it.build).toBe(".");
  });

  test("waits for services that can reach the state it waits for", () => {
    for (const [other, { condition }] of Object.entries(it.depends_on ?? {})) {
      const { healthcheck, restart } = named(other);
      if (condition === "service_healthy") expect(healthcheck).toBeDefined();
      else expect(restart).toBe("no");
    }
  });

  test("publishes no port beyond this machine", () => {
    for (const port of it.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect(it.ports === undefined || name === "api").toBe(true);
  });
});

/** The variables that a process reads: those that its config has, read from its source. */
function readByProcess(app: "api" | "worker"): string[] {
  const source = readText(`apps/${app}/src/config.ts`);
  return [...source.matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].flatMap(([, name]) => (name ? [name] : []));
}

test.each(["api", "worker"] as const)("the %s gets every variable that it reads", (app) => {
  const read = readByProcess(app);
  expect(read.length).toBeGreaterThan(15);
  expect(read.filter((name) => !variablesOf(app).includes(name))).toEqual([]);
});

test.each(["api", "worker"] as const)("the %s gets OpenTelemetry's variables that the docs name", (app) => {
  const texts = [".env.example", "docs/OPERATE.md", "docs/DEPLOY.md"].map(readText).join("\n");
  const documented = new Set(texts.match(/\bOTEL_[A-Z_]+(?![A-Z_*])/g));
  expect(variablesOf(app)).toEqual(expect.arrayContaining([...documented]));
});

test("a secret is in the services that need it, and in no other", () => {
  const holders = (secret: string) =>
    Object.entries(services)
      .filter(([, { environment }]) =>
        Object.entries(environment).some(
          ([name, value]) => name === secret || String(value).includes(`\${${secret}:?`),
        ),
      )
      .map(([name]) => name);
  expect(holders("POSTGRES_PASSWORD")).toEqual(["postgres", "roles", "grants"]);
  expect(holders("MIGRATOR_PASSWORD")).toEqual(["roles", "migrate", "grants"]);
  expect(holders("API_PASSWORD")).toEqual(["roles", "grants", "api"]);
  expect(holders("WORKER_PASSWORD")).toEqual(["roles", "grants", "worker"]);
  expect(holders("REDIS_PASSWORD")).toEqual(["redis", "api", "worker"]);
  expect(holders("CLERK_SECRET_KEY")).toEqual(["api", "worker"]);
  for (const secret of ["ADMIN_PASSWORD", "CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_JWT_KEY"])
    expect(holders(secret)).toEqual(["api"]);
  expect(holders("MENTORADO_CREATED_SECRET")).toEqual(["worker"]);
});

test("no process of Rollcall is the superuser, and each has the role of ops/roles.sql", () => {
  const roleOf = (name: string) => new URL(fill(named(name).environment["DATABASE_URL"])).username;
  expect([roleOf("migrate"), roleOf("api"), roleOf("worker")]).toEqual([
    "rollcall_migrator",
    "rollcall_api",
    "rollcall_worker",
  ]);
  const order = (name: string) => Object.keys(named(name).depends_on ?? {});
  expect([order("roles"), order("migrate"), order("grants")]).toEqual([["postgres"], ["roles"], ["migrate"]]);
  for (const name of ["api", "worker"]) expect(order(name)).toEqual(["grants", "redis"]);
  for (const name of ["roles", "grants"]) expect(named(name).command).toContain("/ops/roles.sql");
});

test("Redis asks for a password that is in no command line", () => {
  const command = named("redis").command?.join(" ") ?? "";
  expect(command).toContain("requirepass");
  expect(command).not.toMatch(/(?<!\$)\$(?!\$)/);
  expect(command).toContain("--maxmemory-policy noeviction");
  for (const name of ["api", "worker"])
    expect(String(named(name).environment["REDIS_URL"])).toMatch(/^redis:\/\/:\$\{REDIS_PASSWORD:\?/);
});

test("Postgres and Redis are reached only by the services that use them", () => {
  const members = (network: string) =>
    Object.entries(services)
      .filter(([, { networks }]) => networks.includes(network))
      .map(([name]) => name);
  expect(members("redis")).toEqual(["redis", "api", "worker"]);
  expect(members("default")).toEqual(["api", "worker"]);
});

test("the values of the file itself are ones that the processes accept", () => {
  const filled = Object.entries(named("api").environment).flatMap(([name, value]) =>
    value === null ? [] : [[name, fill(value)] as const],
  );
  const given = Object.fromEntries(filled);
  const { DATABASE_URL, REDIS_URL, HOST, PORT } = variables;
  expect(() => readEnvironment({ DATABASE_URL, REDIS_URL, HOST, PORT }, given)).not.toThrow(EnvironmentError);
  expect(Object.keys(given).toSorted()).toEqual(["DATABASE_URL", "HOST", "PORT", "REDIS_URL"]);
});

test("every password of the file has a line in .env.example", () => {
  const wanted = [...readText("docker-compose.yml").matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
  const example = readText(".env.example");
  for (const name of new Set(wanted)) expect(example).toMatch(new RegExp(`^# ${name}=`, "m"));
});
