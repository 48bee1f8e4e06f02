import { execFile } from "node:child_process";
import { cp, lstat, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Binaries, binariesAt, completeBinaries, copyBinaries, findBinaries } from "./binaries.ts";
import { makeScratch } from "./testing.ts";

let folder: string;
let clear: () => Promise<void>;
/** The package as npm leaves it when install scripts are blocked. */
let bare: Binaries;

beforeEach(async () => {
  ({ folder, clear } = await makeScratch());
  const installed = await findBinaries();
  const root = join(folder, "package");
  await mkdir(root);
  await cp(join(installed.root, "native"), join(root, "native"), { recursive: true });
  for (const { target } of await readLinks(root)) await rm(join(root, target), { force: true });
  bare = binariesAt(root, installed.version);
});
afterEach(() => clear());

async function readLinks(root: string): Promise<{ target: string }[]> {
  // The package wrote this list.
  return JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8")) as { target: string }[];
}

async function expectToRun({ initdb, root, version }: Binaries): Promise<void> {
  for (const { target } of await readLinks(root)) {
    expect((await lstat(join(root, target))).isSymbolicLink()).toBe(true);
  }
  const { stdout } = await promisify(execFile)(initdb, ["--version"], { env: {} });
  expect(stdout).toContain(version.split(".")[0]);
}

test("without its links the package does not run; completing it makes them, and may be repeated", async () => {
  await expect(promisify(execFile)(bare.initdb, ["--version"], { env: {} })).rejects.toThrow(
    "shared libraries",
  );
  for (let round = 0; round < 2; round++) {
    expect(await completeBinaries(bare, join(folder, "copy"))).toEqual(bare);
    await expectToRun(bare);
  }
});

test("a copy is complete, is made once, and two at once make one", async () => {
  const to = join(folder, "copy");
  const [one, other] = await Promise.all([copyBinaries(bare, to), copyBinaries(bare, to)]);
  expect(one).toEqual(other);
  await expectToRun(one);
  expect((await readdir(folder)).sort()).toEqual(["copy", "package"]);
});
