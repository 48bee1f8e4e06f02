import { parse } from "yaml";
import { z } from "zod";

const permissions = z.record(z.string(), z.enum(["none", "read", "write"]));
const step = z.object({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).default({}),
});
const job = z.object({
  needs: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((needs) => [needs].flat()),
  uses: z.string().optional(),
  permissions: permissions.default({}),
  steps: z.array(step).default([]),
});
const workflow = z.object({
  on: z.record(z.string(), z.unknown()),
  permissions,
  jobs: z.record(z.string(), job),
});

type Workflow = z.infer<typeof workflow>;

/** What a workflow of GitHub must not do. A workflow without permissions of its own is refused by the schema. */
export function findWorkflowFaults(text: string): string[] {
  const read = workflow.safeParse(parse(text));
  if (!read.success) return [z.prettifyError(read.error)];
  return [
    ...findLooseActions(read.data),
    ...findWideRights(read.data),
    ...findUngated(read.data),
    ...findInjections(read.data),
  ];
}

const jobsOf = ({ jobs }: Workflow) => Object.entries(jobs);
const stepsOf = (of: Workflow) => jobsOf(of).flatMap(([, { steps }]) => steps);

/** A branch or `latest` changes without a commit here. Our own workflows are of the same commit. */
function findLooseActions(of: Workflow): string[] {
  const uses = [...jobsOf(of).map(([, job]) => job), ...stepsOf(of)].flatMap(({ uses }) => uses ?? []);
  return uses
    .filter((name) => !name.startsWith("./") && !/@(v\d+(\.\d+){0,2}|[0-9a-f]{40})$/.test(name))
    .map((name) => `${name}: pin it by commit or major version`);
}

const writesAllowed = ["id-token", "packages"];

function findWideRights(of: Workflow): string[] {
  const wide = Object.entries(of.permissions).filter(
    ([name, right]) => name !== "contents" || right === "write",
  );
  const writes = jobsOf(of).flatMap(([name, { permissions }]) =>
    Object.entries(permissions)
      .filter(([right, level]) => level === "write" && !writesAllowed.includes(right))
      .map(([right]) => `${name}: no job needs to write ${right}`),
  );
  const keeping = stepsOf(of).filter(
    ({ uses, with: options }) =>
      uses?.startsWith("actions/checkout@") && options["persist-credentials"] !== false,
  );
  return [
    ...wide.map(([name]) => `${name}: a job asks for it, not the workflow`),
    ...writes,
    ...keeping.map(() => "actions/checkout: set persist-credentials to false"),
    ...("pull_request_target" in of.on
      ? ["pull_request_target: gives the code of strangers our rights"]
      : []),
  ];
}

/** A job that publishes, or may write to a registry, waits for the job that runs the gate. */
function findUngated(of: Workflow): string[] {
  const gates = jobsOf(of).flatMap(([name, { uses }]) =>
    uses === "./.github/workflows/gate.yml" ? [name] : [],
  );
  return jobsOf(of)
    .filter(
      ([, { permissions, steps }]) =>
        writesAllowed.some((name) => permissions[name] === "write") ||
        steps.some(({ run = "", with: options }) => /\bpublish/.test(run) || options["push"] === true),
    )
    .filter(([, { needs }]) => !needs.some((name) => gates.includes(name)))
    .map(([name]) => `${name}: publishes without the gate`);
}

/** A title or a branch in a command is code of a stranger. */
function findInjections(of: Workflow): string[] {
  return stepsOf(of).flatMap(({ run }) =>
    run?.includes("${{") ? [`${run}: pass the value by env, or use the runner's variable`] : [],
  );
}
