import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { parseSource, type Source } from "./source.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const names = z
  .record(z.string(), z.string())
  .default({})
  .transform((versions) => Object.keys(versions));
const manifest = z.object({
  name: z.string(),
  dependencies: names,
  optionalDependencies: names,
  devDependencies: names,
});

export type Package = z.infer<typeof manifest> & {
  /** From the root of the repository: `packages/db`, or `.` for the root itself. */
  folder: string;
};

/** The folders of packages, as in the root's package.json. */
const kinds = ["packages", "apps", "examples"];

/** Apps of others, with packages of their own, which a test makes outside of the repository. */
const foreignApps = "tests/proof/apps/";

/** Reads a file by its path from the root of the repository; a missing file is an empty text. */
export function readText(path: string): string {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
}

/** The paths of all tracked files, from the root of the repository. */
export function listFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  return listed.split("\0").filter((path) => path !== "");
}

/** Every workspace, and the root package, which holds the tests and the lab. */
export function readPackages(): Package[] {
  const workspaces = kinds.flatMap((kind) =>
    readdirSync(join(root, kind)).map((folder) => `${kind}/${folder}`),
  );
  return [".", ...workspaces]
    .filter((folder) => existsSync(join(root, folder, "package.json")))
    .map((folder) => ({
      folder,
      ...manifest.parse(JSON.parse(readText(posix.join(folder, "package.json")))),
    }));
}

/** Every source module. */
export function readSources(packages: readonly Package[]): Source[] {
  return packages
    .flatMap(({ folder }) => (folder === "." ? ["tests", "lab"] : [`${folder}/src`]))
    .flatMap((folder) =>
      existsSync(join(root, folder))
        ? readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(
            (file) => `${folder}/${file}`,
          )
        : [],
    )
    .filter((path) => /\.[cm]?tsx?$/.test(path) && !path.startsWith(foreignApps))
    .map((path) => parseSource(path, readText(path)));
}

/** The folder of the package that holds a path. */
export function ownerOf(path: string): string {
  const [kind, name] = path.split("/");
  return kind !== undefined && kinds.includes(kind) ? `${kind}/${name}` : ".";
}

/** Tests and their shared code: a `testing.ts` or a folder `testing`, which the build leaves out. */
export function isTest(path: string): boolean {
  return ownerOf(path) === "." || /\.test(-d)?\.tsx?$|\/testing(\/|\.ts$)/.test(path);
}

/** The path of a relative import. */
export function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}
