import type { Import, Source } from "./source.ts";
import { isTest, ownerOf, type Package, resolveImport } from "./tree.ts";

const belowSync = [
  "@rollcall/contracts",
  "@rollcall/observability",
  "@rollcall/db",
  "@rollcall/jobs",
  "@rollcall/clerk",
];

/** The packages of ours that each package may import. Siblings are never in each other's lists. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  "@rollcall/contracts": [],
  "@rollcall/observability": ["@rollcall/contracts"],
  "@rollcall/db": ["@rollcall/contracts", "@rollcall/observability"],
  "@rollcall/jobs": ["@rollcall/contracts", "@rollcall/observability"],
  "@rollcall/clerk": ["@rollcall/contracts", "@rollcall/observability"],
  "@rollcall/sync": [...belowSync],
  "@rollcall/runtime": [...belowSync, "@rollcall/sync"],
  "@rollcall/client": ["@rollcall/contracts"],
  "@rollcall/clerk-simulator": [],
  "@rollcall/local-services": [],
  "@rollcall/console": ["@rollcall/contracts"],
  // An example is built like an app of a user, so it may only use a published package.
  "@rollcall/example-dashboard": ["@rollcall/client"],
  // It passes variables to its children, so it needs their names; it starts the other parts as processes.
  "@rollcall/standalone": ["@rollcall/contracts", "@rollcall/clerk-simulator", "@rollcall/local-services"],
  // Its build bundles what these have built. It has no code of its own but the places of files.
  "@rollcall/package": [
    ...["@rollcall/api", "@rollcall/worker", "@rollcall/cli", "@rollcall/standalone", "@rollcall/console"],
  ],
  ...Object.fromEntries(
    ["@rollcall/api", "@rollcall/worker", "@rollcall/cli"].map((app) => [
      app,
      [...belowSync, "@rollcall/sync", "@rollcall/runtime"],
    ]),
  ),
};

/** Packages that may import only types of ours, so that their build holds none of our other packages. */
const typesOnly = ["@rollcall/client", "@rollcall/console"];

/** Additional packages for tests. Neither imports another package of ours, so they cannot close a cycle. */
const testsMayImport = ["@rollcall/clerk-simulator", "@rollcall/local-services"];

/** Dependencies in a package.json that are against the arrows. */
export function findForbiddenDependencies(packages: readonly Package[]): string[] {
  return packages.flatMap(checkManifest);
}

/** Imports that are against the arrows, or that the package.json of their package does not declare. */
export function findForbiddenImports(sources: readonly Source[], packages: readonly Package[]): string[] {
  return sources.flatMap((source) => checkImports(source, packages));
}

function checkManifest(pack: Package): string[] {
  if (pack.folder === ".") return [];
  const allowed = arrows[pack.name];
  if (!allowed) return [`${pack.folder}: ${pack.name} has no arrows; give it a line in tests/tidy/arrows.ts`];
  const refuse = (names: readonly string[], permitted: readonly string[]) =>
    names
      .filter((name) => isOurs(name) && !permitted.includes(name))
      .map((name) => `${pack.folder}/package.json: ${pack.name} must not depend on ${name}`);
  return [
    ...refuse([...pack.dependencies, ...pack.optionalDependencies], allowed),
    ...refuse(pack.devDependencies, [...allowed, ...testsMayImport]),
  ];
}

function checkImports(source: Source, packages: readonly Package[]): string[] {
  const pack = packages.find(({ folder }) => folder === ownerOf(source.path));
  if (!pack) return [`${source.path}: belongs to no package`];
  return source.imports.flatMap((item) => {
    const fault = checkImport(source.path, item, pack);
    return fault ? [`${source.path}:${item.line}: ${fault}`] : [];
  });
}

function checkImport(path: string, { specifier, typeOnly }: Import, pack: Package): string | undefined {
  if (specifier.startsWith(".")) {
    const target = resolveImport(path, specifier);
    return ownerOf(target) === pack.folder ? undefined : `reaches into ${ownerOf(target)} by its path`;
  }
  if (!isOurs(specifier)) return undefined;
  const name = specifier.split("/").slice(0, 2).join("/");
  const test = isTest(path);

  if (pack.folder !== ".") {
    const allowed = [...(arrows[pack.name] ?? []), ...(test ? testsMayImport : [])];
    if (!allowed.includes(name)) return `${pack.name} must not import ${name}`;
    if (typesOnly.includes(pack.name) && !test && !typeOnly)
      return `${pack.name} may import only types of ${name}`;
  }
  const declared = [...pack.dependencies, ...(test ? pack.devDependencies : [])];
  return declared.includes(name) ? undefined : `${name} is not declared in the package.json of ${pack.name}`;
}

function isOurs(specifier: string): boolean {
  return specifier.startsWith("@rollcall/");
}
