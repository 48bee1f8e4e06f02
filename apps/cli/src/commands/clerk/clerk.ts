import { createInterface } from "node:readline/promises";
import { createInstanceApi } from "@rollcall/clerk/instance";
import {
  errorBody,
  listSubscribedEventTypes,
  readEnvironment,
  variables,
  webhookPath,
} from "@rollcall/contracts";
import { z } from "zod";
import { type Cli, exitCodes, jsonOption, readTyped } from "../../cli.ts";
import { readMapping } from "../../config.ts";
import { say } from "../../print.ts";

const webhooksPage = "https://dashboard.clerk.com/~/webhooks";

export function addClerk(cli: Cli, group: string): void {
  const clerk = cli.program
    .command("clerk")
    .helpGroup(group)
    .description("set up the Clerk instance of CLERK_SECRET_KEY");
  clerk
    .command("setup")
    .option("--url <url>", `the address of the api's webhooks: https://rollcall.example.com${webhookPath}`)
    .option("--yes", "change the instance without asking")
    .option(
      "--link",
      "also print a link that opens the page of webhooks. For some hours it is as good as a login",
    )
    .addOption(jsonOption)
    .description("turn webhooks on, and print the steps that Clerk's API does not offer")
    .action(async ({ url, yes, link }, command) => {
      const environment = cli.readEnvironment();
      const clerk = readEnvironment(shape, environment);
      const eventTypes = listSubscribedEventTypes(readMapping(environment));
      const isSimulated = isLocal(new URL(clerk.CLERK_API_URL).hostname);
      const schema = isSimulated ? address : publicAddress;
      const endpoint = url === undefined ? undefined : readTyped(command, "--url", schema, url);
      const wish = { endpoint, isSimulated, mayChange: yes === true, wantsLink: link === true };
      await setUp(cli, clerk, { ...wish, eventTypes });
    });
}

const shape = { CLERK_SECRET_KEY: variables.CLERK_SECRET_KEY, CLERK_API_URL: variables.CLERK_API_URL };

/** An origin alone is completed. */
const address = z
  .url({ protocol: /^https?$/, error: "must be an https:// address" })
  .transform((text) => new URL(text))
  .refine(({ username, password, hash }) => !username && !password && !hash, {
    error: "must hold no login and no #",
  })
  .transform((url) => (url.pathname === "/" ? new URL(webhookPath, url).href : url.href));

/** The servers of the real Clerk must reach it. */
const publicAddress = address
  .refine((url) => !isLocal(new URL(url).hostname), {
    error:
      "Clerk cannot reach this machine. Run npx clerk webhooks listen --forward-to with this address, and give --url the relay's address",
    abort: true,
  })
  .refine((url) => url.startsWith("https:"), { error: "must be an https:// address" });

function isLocal(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|.*\.local|127\..*|10\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|169\.254\..*|0\.0\.0\.0|\[::1\])$/.test(
    hostname,
  );
}

type Wish = {
  endpoint: string | undefined;
  eventTypes: readonly string[];
  isSimulated: boolean;
  mayChange: boolean;
  wantsLink: boolean;
};

async function setUp(
  cli: Cli,
  { CLERK_SECRET_KEY: secretKey, CLERK_API_URL: apiUrl }: { CLERK_SECRET_KEY: string; CLERK_API_URL: string },
  { endpoint, eventTypes, isSimulated, mayChange, wantsLink }: Wish,
): Promise<void> {
  const clerk = createInstanceApi({ secretKey, apiUrl, onAbandoned: cli.leaveRequest });
  const wasOn = (await clerk.findWebhookPage()) !== undefined;
  const isChanged = !wasOn && (mayChange || (await isConfirmed()));
  if (isChanged) await clerk.turnOnWebhooks();
  const isOn = wasOn || isChanged;
  const link = wantsLink && isOn ? await clerk.findWebhookPage() : undefined;
  const url = endpoint ?? `https://<your api>${webhookPath}`;
  const answer = endpoint === undefined ? undefined : await probe(endpoint);
  const steps = listSteps({ url, link, eventTypes });
  cli.print({ isOn, isChanged, url, eventTypes, link, answer, steps }, () => [
    ...(isSimulated
      ? ["Clerk is a simulator on this machine, which has its endpoint. The steps are for the real one."]
      : []),
    describeState(isOn, isChanged),
    ...(answer === undefined ? [] : [`${url}: ${answer}`]),
    "Clerk's API makes no endpoint. If there is none yet for this address:",
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
  ]);
  if (!isOn) process.exitCode = exitCodes.failed;
}

function describeState(isOn: boolean, isChanged: boolean): string {
  if (isChanged) return "Webhooks are turned on for this Clerk instance.";
  return isOn
    ? "Webhooks are on for this Clerk instance."
    : "Webhooks are off for this Clerk instance, and nothing was changed. --yes turns them on.";
}

/** A terminal is asked. A script has --yes. */
async function isConfirmed(): Promise<boolean> {
  say(
    "This Clerk instance has no webhooks. Turning them on makes its app at Svix, Clerk's provider, and no endpoint.",
  );
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question("Turn them on? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}

type Step = { url: string; link: string | undefined; eventTypes: readonly string[] };

function listSteps({ url, link, eventTypes }: Step): string[] {
  return [
    `Open ${link ?? webhooksPage} and choose Add Endpoint.`,
    `Endpoint URL: ${url}`,
    `Subscribe to events: ${eventTypes.join(", ")}. Then choose Create.`,
    "Copy the Signing Secret of the new endpoint into CLERK_WEBHOOK_SIGNING_SECRET of the api, and restart it.",
    "Send an example of each event from the endpoint's tab Testing. Then rollcall doctor shows them as webhook.deliveries.",
  ];
}

const probeTimeoutMs = 5_000;

/** Sends a delivery without a signature, which a Rollcall api refuses by name. */
async function probe(url: string): Promise<string> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
      redirect: "manual",
      signal: AbortSignal.timeout(probeTimeoutMs),
    });
    const body = errorBody.safeParse(await response.json().catch(() => undefined));
    return judge(response.status, body.data?.error.code);
  } catch {
    return "no answer to this machine. Clerk must reach it from the internet";
  }
}

function judge(status: number, code: string | undefined): string {
  switch (code) {
    case "webhook.invalid_signature":
      return "a Rollcall api answers, and has a signing secret";
    case "webhook.not_configured":
      return "a Rollcall api answers, and has no signing secret yet";
    default:
      return `the answer is ${status}, and not of a Rollcall api`;
  }
}
