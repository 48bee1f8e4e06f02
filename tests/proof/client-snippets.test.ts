import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BareProject, createBareProject, findSkipReason, repository } from "../harness/bare-project.ts";

/** The packages that the pages name, as an app installs them today. */
const named = [
  ...["@clerk/backend", "@clerk/express", "@clerk/fastify", "@clerk/nextjs", "@clerk/react"],
  ...[
    "@tanstack/react-query",
    "@trpc/client",
    "@trpc/server",
    "@trpc/tanstack-react-query",
    "@types/express",
  ],
  ...[
    "@types/node",
    "@types/pg",
    "@types/react",
    "@types/react-dom",
    "@vitejs/plugin-react",
    "express",
    "fastify",
    "hono",
  ],
  ...["next", "pg", "react", "react-dom", "vite"],
];

const compiler = join(repository, "node_modules/typescript/bin/tsc");
const reason = findSkipReason();
let app: BareProject;
beforeAll(() => {
  if (reason) return;
  app = createBareProject();
  const packed = app.npm("pack", join(repository, "packages/client"), "--ignore-scripts");
  expect(packed.status, packed.stderr).toBe(0);
  // Only the types are needed, so no platform's binaries are fetched.
  const options = [
    "--no-save",
    "--ignore-scripts",
    "--omit=optional",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
  ];
  const file = packed.stdout.trim().split("\n").at(-1);
  const installed = app.npm("install", ...options, `./${file}`, ...named);
  expect(installed.status, installed.stderr).toBe(0);
}, 300_000);
afterAll(() => app?.remove());

const compilerOptions = {
  ...{ module: "esnext", moduleResolution: "bundler", target: "es2022", jsx: "react-jsx" },
  ...{ lib: ["es2023", "dom", "dom.iterable"], types: ["vite/client", "node"] },
  ...{ strict: true, noEmit: true, skipLibCheck: true },
};

describe.skipIf(reason)(`the pages for apps${reason}`, () => {
  test.each([
    ["packages/client/README.md", 22],
    ["README.md", 1],
    ["docs/DEVELOP.md", 2],
    ["docs/adopt/existing-app.md", 8],
  ])(
    "every snippet of %s compiles unchanged against the packages that it names",
    (page, least) => {
      const text = readFileSync(join(repository, page), "utf8");
      const blocks = [...text.matchAll(/^```tsx?\n(?:\/\/ (\S+\.tsx?)\n)?(.*?)^```$/gms)];
      expect(blocks.length).toBeGreaterThanOrEqual(least);
      for (const [n, [, path = `snippet-${n}.tsx`, code]] of blocks.entries())
        app.write(`snippets/${path}`, String(code));
      // The page shows the module once, and each server has its own.
      const database = blocks.find(([, path]) => path === "server/database.ts")?.[2] ?? "";
      for (const folder of ["", "lib/"]) app.write(`snippets/${folder}database.ts`, database);
      app.write("snippets/tsconfig.json", JSON.stringify({ compilerOptions, include: ["."] }));
      const { status, stdout } = app.node(compiler, "-p", "snippets");
      app.node("--eval", 'fs.rmSync("snippets", { recursive: true })');
      expect([stdout, status]).toEqual(["", 0]);
    },
    120_000,
  );
});
