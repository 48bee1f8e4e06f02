import { z } from "zod";
import { startClerkSimulator } from "../simulator.ts";
import { type ClerkUser, nameOf } from "../users/clerk-user.ts";
import type { UserChange } from "../users/history.ts";
import { createAppSessions } from "./app-sessions.ts";
import { registerFrontend } from "./frontend-routes.ts";
import { registerPage } from "./page-routes.ts";
import { readPageState } from "./page-state.ts";
import { openPeopleFile } from "./people-file.ts";
import { openRollcallRows, rollcallTablesSchema } from "./rollcall-rows.ts";
import { registerSignIn } from "./sign-in-routes.ts";
import { openSupervisorChannel } from "./supervisor-channel.ts";

/** The environment of the simulator under `npm start`: with its page, users kept on disk, and Rollcall's tables. */
const environmentSchema = z.object({
  SIM_PORT: z.coerce.number().int().min(0).max(65_535),
  SIM_SECRET_KEY: z.string().startsWith("sk_"),
  SIM_WEBHOOK_SECRET: z.string().startsWith("whsec_"),
  SIM_SIGNING_KEY: z.string(),
  SIM_PEOPLE_FILE: z.string(),
  SIM_API_URL: z.url(),
  SIM_DATABASE_URL: z.string(),
  /** JSON. */
  SIM_TABLES: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(rollcallTablesSchema),
  /** Origins of the apps whose login pages use the simulator, separated by commas. */
  SIM_APP_ORIGINS: z
    .string()
    .default("")
    .transform((origins) => origins.split(",").filter(Boolean)),
  SIM_RESTART: z.string(),
});

type Environment = z.infer<typeof environmentSchema>;

async function run(environment: Environment): Promise<void> {
  const people = openPeopleFile(environment.SIM_PEOPLE_FILE);
  const supervisor = openSupervisorChannel();
  const rows = openRollcallRows(environment.SIM_DATABASE_URL, environment.SIM_TABLES);
  const hasProfiles = environment.SIM_TABLES.profile !== null;
  const apiUrl = environment.SIM_API_URL;
  const names = new Map(people.users.map((user) => [user.id, nameOf(user)]));
  const gone = new Map<string, string>();

  const simulator = await startClerkSimulator({
    port: environment.SIM_PORT,
    secretKey: environment.SIM_SECRET_KEY,
    signingKey: environment.SIM_SIGNING_KEY,
    users: people.users,
    webhook: { url: `${apiUrl}/api/webhooks/clerk`, secret: environment.SIM_WEBHOOK_SECRET },
    onMessage: ({ id, type, userId, state, copies }) =>
      supervisor.send({ kind: "webhook", id, type, userId, state, copies }),
    onChange: recordChange,
    addRoutes: (app, control) => {
      registerPage(app, {
        apiUrl,
        readState: () => readPageState({ control, rows, hasProfiles, apiUrl, causes: people.causes, gone }),
      });
      const sessions = createAppSessions(control);
      const frontend = {
        control,
        sessions,
        origins: environment.SIM_APP_ORIGINS,
        restart: environment.SIM_RESTART,
      };
      registerFrontend(app, frontend);
      registerSignIn(app, frontend);
    },
  });
  supervisor.onProvisioning(({ userId, cause }) => people.keepCause(userId, cause));

  function recordChange(change: UserChange, userId: string, user: ClerkUser | null): void {
    const name = user ? nameOf(user) : (names.get(userId) ?? userId);
    if (user) {
      people.keepUser(user);
      names.set(userId, name);
    } else {
      people.forgetUser(userId);
      gone.set(userId, name);
    }
    supervisor.send({ kind: "person", change, userId, name, atMs: Date.now() });
  }

  const stop = async () => {
    await simulator.stop();
    await rows.close();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());
  process.stdout.write(`${JSON.stringify({ url: simulator.url })}\n`);
}

const environment = environmentSchema.safeParse(process.env);
if (environment.success) await run(environment.data);
else {
  process.stderr.write(`${z.prettifyError(environment.error)}\n`);
  process.exitCode = 2;
}
