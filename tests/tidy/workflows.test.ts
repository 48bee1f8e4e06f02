import { expect, test } from "vitest";
import { parse } from "yaml";
import { listFiles, readText } from "./tree.ts";
import { findWorkflowFaults } from "./workflows.ts";

const files = listFiles().filter((path) => path.startsWith(".github/workflows/"));

test("every workflow has pinned actions, the least rights, and the gate before it publishes", () => {
  expect(files).toEqual([".github/workflows/gate.yml", ".github/workflows/publish.yml"]);
  for (const file of files) expect(findWorkflowFaults(readText(file)), file).toEqual([]);
});

test("the gate is .ci/run, at each push and pull request, on each line of Node that is supported", () => {
  const { on, jobs } = parse(readText(".github/workflows/gate.yml"));
  const { engines } = JSON.parse(readText("package.json"));
  expect(Object.keys(on)).toEqual(["push", "pull_request", "workflow_call"]);
  const lines = jobs.gate.strategy.matrix.node;
  expect(lines).toEqual(["20", "22", "24", "26"]);
  expect(`>=${lines[0]}.19`).toBe(engines.node);
  expect(jobs.gate.steps.at(-1)).toEqual({ run: ".ci/run" });
});

test("a tag publishes both packages with provenance, and the image with its bill of materials", () => {
  const { on, jobs } = parse(readText(".github/workflows/publish.yml"));
  expect(on).toEqual({ push: { tags: ["v*"] } });
  const commands = jobs.packages.steps.flatMap(({ run }: { run?: string }) => run ?? []);
  expect(commands).toContain('npm run release -- --tag "$GITHUB_REF_NAME"');
  for (const folder of ["./packages/client", "./apps/rollcall/dist"])
    expect(commands).toContain(`.github/publish-package ${folder}`);
  expect(readText(".github/publish-package")).toContain("npm publish --provenance");
  expect(jobs.packages.permissions).toEqual({ contents: "read", "id-token": "write" });
  // Only this job compares the tag with package.json and waits for the reviewers. An image cannot be taken back.
  expect(jobs.image.needs).toContain("packages");
  const image = jobs.image.steps.find(({ uses = "" }) => uses.startsWith("docker/build-push-action@"));
  expect(image.with).toMatchObject({ push: true, sbom: true, provenance: "mode=max" });
});

test("Renovate groups Clerk's packages, pins the queues, and merges only patches of tools by itself", () => {
  const { packageRules } = JSON.parse(readText("renovate.json"));
  type Rule = { matchPackageNames: string[]; automerge?: boolean; [name: string]: unknown };
  const ruleOf = (name: string): Rule =>
    packageRules.find((rule: Rule) => rule.matchPackageNames.includes(name));
  expect(ruleOf("@clerk/**")).toMatchObject({ groupName: "Clerk" });
  expect(ruleOf("bullmq")).toMatchObject({ rangeStrategy: "pin", automerge: false });
  const merging = packageRules.filter((rule: Rule) => rule.automerge);
  expect(merging).toEqual([
    expect.objectContaining({ matchDepTypes: ["devDependencies"], matchUpdateTypes: ["patch"] }),
  ]);
  const { dependencies } = JSON.parse(readText("packages/jobs/package.json"));
  expect(dependencies.bullmq).toMatch(/^\d/);
});

const base = (jobs: string, on = "push:", rights = "contents: read") =>
  `on:\n  ${on}\npermissions:\n  ${rights}\njobs:\n  it:\n${jobs}`;

test.each([
  ["    steps:\n      - uses: actions/setup-node@main", "pin it by commit or major version"],
  ["    steps:\n      - uses: actions/checkout@v6", "persist-credentials"],
  ["    uses: other/repository/.github/workflows/x.yml@latest", "pin it by commit or major version"],
  ["    permissions:\n      contents: write", "no job needs to write contents"],
  ["    permissions:\n      id-token: write", "publishes without the gate"],
  ["    needs: check\n    permissions:\n      packages: write", "publishes without the gate"],
  ["    steps:\n      - run: npm publish", "publishes without the gate"],
  [`    steps:\n      - run: echo \${{ github.event.pull_request.title }}`, "pass the value by env"],
])("a job with %j is refused", (jobs, fault) => {
  expect(findWorkflowFaults(base(jobs))).toEqual([expect.stringContaining(fault)]);
});

test("rights for all jobs and the rights of pull_request_target are refused, and so is a workflow without a list of rights", () => {
  expect(findWorkflowFaults(base("    needs: []", "push:", "id-token: write"))).toHaveLength(1);
  expect(findWorkflowFaults(base("    needs: []", "pull_request_target:"))).toHaveLength(1);
  expect(findWorkflowFaults("on:\n  push:\njobs:\n  it: {}")).toEqual([
    expect.stringContaining("permissions"),
  ]);
  expect(findWorkflowFaults(base("    steps:\n      - run: npm test"))).toEqual([]);
});
