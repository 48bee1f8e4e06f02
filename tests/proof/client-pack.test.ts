import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build as bundleForEdge } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BareProject, createBareProject, findSkipReason, repository } from "../harness/bare-project.ts";
import { consumer, reactVersionTest } from "../harness/client-apps.ts";

/** The exports of each entry point at run time, which apps rely on. */
const entries = {
  "@rollcall/client": ["RollcallError", "createRollcallClient"],
  "@rollcall/client/react": [
    ...["HeadlessProvisioningGate", "ProvisioningGate", "UserProvisioningProvider"],
    ...["useUserProvisioning", "useUserSync"],
  ],
  "@rollcall/client/query": [
    ...["scopeQueryKey", "useAuthedMutation", "useAuthedQuery", "useAuthedSuspenseQuery"],
  ],
  "@rollcall/client/trpc": ["ProvisioningError", "provisioned"],
  "@rollcall/client/express": ["ProvisioningError", "provisioned"],
  "@rollcall/client/fastify": ["ProvisioningError", "provisioned"],
  "@rollcall/client/hono": ["ProvisioningError", "provisioned", "withProvisioned"],
  "@rollcall/client/next": ["ProvisioningError", "createProvisioning"],
  "@rollcall/client/simulator": ["SimulatorRefusal", "connectSimulator"],
  "@rollcall/client/testing": ["buildClient", "buildOrganization", "buildProfile", "buildUser"],
};

/** React 18 is the oldest version that apps may have. The workspace has React 19. */
const peers = [
  ...["react@18.3.1", "react-dom@18.3.1", "@types/react@18", "@types/react-dom@18"],
  ...["@tanstack/react-query@5.108.0", "@trpc/server@11.22.1", "@trpc/client@11.22.1"],
  ...["@trpc/tanstack-react-query@11.22.1", "@types/express@5"],
];

const compiler = join(repository, "node_modules/typescript/bin/tsc");
const reason = findSkipReason();
let app: BareProject;
let workshop: BareProject;
/** The packed file. */
let tarball: string;
beforeAll(() => {
  if (reason) return;
  app = createBareProject();
  workshop = createWorkshop();
  const packed = workshop.npm("pack", "./packages/client", "--pack-destination", app.folder);
  expect(packed.status, packed.stderr).toBe(0);
  const options = ["--no-save", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  // The name is on the last line, after the output of the build.
  const file = packed.stdout.trim().split("\n").at(-1);
  tarball = join(app.folder, String(file));
  const installed = app.npm("install", ...options, tarball, ...peers);
  expect(installed.status, installed.stderr).toBe(0);
});
afterAll(() => {
  app?.remove();
  workshop?.remove();
});

/** The package as in a fresh checkout, without a build. Packing has to build it, and other tests use the real build. */
function createWorkshop(): BareProject {
  const made = createBareProject();
  made.copy("tsconfig.base.json", "tsconfig.base.json");
  for (const name of ["src", "package.json", "README.md", "LICENSE", "tsconfig.build.json"])
    made.copy(`packages/client/${name}`, `packages/client/${name}`);
  for (const name of [".bin", "react", "@types/react", "@tanstack/react-query", "@trpc/server"])
    made.lend(name);
  return made;
}

describe.skipIf(reason)(`the packed client in a project of its own${reason}`, () => {
  test("the package holds the build and its sources, but no tests and no other package of ours", () => {
    const folder = join(app.folder, "node_modules/@rollcall/client");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json", "dist/index.js"]));
    expect(files.filter((path) => /\.test\.|\btesting\//.test(path))).toEqual([]);
    const modules = files.filter((path) => /^dist\/.*\.(js|ts)$/.test(path));
    expect(modules.filter((path) => !/\.(js|d\.ts)$/.test(path))).toEqual([]);
    const foreign = /from "(@rollcall|node:|zod)|import\("(@rollcall|node:|zod)/;
    expect(modules.filter((path) => foreign.test(readFileSync(join(folder, path), "utf8")))).toEqual([]);
  });

  test("every file that its package.json and README point at is in it", () => {
    const folder = join(app.folder, "node_modules/@rollcall/client");
    const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const targets = Object.values<Record<string, string> | string>(exports).flatMap((entry) =>
      typeof entry === "string" ? entry : Object.values(entry),
    );
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => String(path));
    expect(targets).toHaveLength(31);
    expect([...targets, ...links].filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  });

  test("publint and Are The Types Wrong find nothing wrong with it", async () => {
    const linted = await publint({ pkgDir: join(app.folder, "node_modules/@rollcall/client"), strict: true });
    expect(linted.messages.map((message) => formatMessage(message, linted.pkg))).toEqual([]);
    const checked = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    // Node's resolution of before 2020 knows no exports, and a package of ES modules alone is imported by CommonJS since
    // Node 20.19.
    const problems = (checked.types ? checked.problems : []).filter(
      (problem) =>
        problem.kind !== "CJSResolvesToESM" &&
        !("resolutionKind" in problem && problem.resolutionKind === "node10"),
    );
    expect([checked.types !== false, problems]).toEqual([true, []]);
  });

  describe.each(Object.entries(entries))("%s", (entry, names) => {
    test("is imported by Node", () => {
      const code = `console.log(JSON.stringify(Object.keys(await import("${entry}"))))`;
      const { status, stdout, stderr } = app.node("--input-type=module", "--eval", code);
      expect([status, stderr]).toEqual([0, ""]);
      expect(JSON.parse(stdout)).toEqual(names);
    });

    test("is bundled by Vite", async () => {
      app.write("entry.js", `export * from "${entry}";`);
      const built = await build({
        root: app.folder,
        configFile: false,
        logLevel: "error",
        build: { write: false, lib: { entry: "entry.js", formats: ["es"] } },
      });
      const chunks = [built].flat().flatMap((output) => ("output" in output ? output.output : []));
      const exported = chunks.flatMap((chunk) => (chunk.type === "chunk" ? chunk.exports : []));
      expect(exported.sort()).toEqual(names);
    });
  });

  test.each(["workerd", "edge-light"])(
    "no entry needs Node under the conditions of %s: it imports peers alone, and no global of Node",
    async (condition) => {
      const { outputFiles, metafile } = await bundleForEdge({
        ...{ entryPoints: Object.keys(entries), absWorkingDir: app.folder, outdir: "edge", write: false },
        ...{ bundle: true, format: "esm", platform: "neutral", conditions: [condition], metafile: true },
        external: ["react", "react/jsx-runtime", "@tanstack/react-query", "@trpc/server"],
      });
      const imported = Object.values(metafile.outputs).flatMap(({ imports }) =>
        imports.map(({ path }) => path),
      );
      expect([...new Set(imported)].filter((path) => !/^(react|@tanstack|@trpc)\b/.test(path))).toEqual([]);
      const texts = outputFiles.map(({ text }) => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, ""));
      expect(texts).toHaveLength(Object.keys(entries).length);
      const globals = /\b(process\.|Buffer\b|require\(|__dirname|setImmediate)/;
      expect(texts.filter((text) => globals.test(text))).toEqual([]);
    },
  );

  test.each([
    ["bundler", "esnext"],
    ["node16", "node16"],
  ])("tsc finds every entry's types with moduleResolution %s", (moduleResolution, module) => {
    app.write("app.tsx", consumer);
    const compilerOptions = {
      ...{ module, moduleResolution, target: "es2022", jsx: "react-jsx", strict: true, noEmit: true },
      // An app with skipLibCheck off compiles our types too.
      ...{ lib: ["es2023", "dom", "esnext.disposable"], types: [], skipLibCheck: false },
    };
    app.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["app.tsx"] }));
    const { status, stdout } = app.node(compiler, "-p", ".");
    expect([stdout, status]).toEqual(["", 0]);
  });

  test("the React tests also pass with React 18", () => {
    app.copy("packages/client/src", "src");
    for (const name of ["vitest", "happy-dom", "fast-check"]) app.lend(name);
    app.write("src/react/version.test.ts", reactVersionTest);
    const vitest = join(repository, "node_modules/vitest/vitest.mjs");
    const { status, stdout, stderr } = app.node(vitest, "run", "--no-color", "src/react", "src/query");
    expect(status, stdout + stderr).toBe(0);
    const files = ["src/react", "src/query"]
      .flatMap((folder) => readdirSync(join(app.folder, folder)))
      .filter((name) => /\.test\.tsx?$/.test(name));
    expect(stdout).toMatch(new RegExp(`Test Files +${files.length} passed`));
  });
});
