import { type Node, parseSync, Visitor } from "oxc-parser";

export type Import = {
  /** The module specifier as written. */
  specifier: string;
  /** The built JavaScript has no such import. */
  typeOnly: boolean;
  line: number;
};

export type Source = {
  /** From the root of the repository, with forward slashes. */
  path: string;
  imports: readonly Import[];
  /** Lines with `export *`. */
  starExports: readonly number[];
  /** Lines that read the environment, in any spelling. */
  environmentReads: readonly number[];
  /** Lines where `Promise.race` has a timer among its promises. */
  timerRaces: readonly number[];
  /** Lines that wrap the errors of a database call; `db` throws typed errors itself. */
  errorWraps: readonly number[];
  /** Lines that start a child process without a working directory. */
  childrenWithoutFolder: readonly number[];
};

const starters = ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"];

/**
 * Reads the imports and other facts that the tidy rules check.
 *
 * dependency-cruiser was tried instead. TypeScript 7 has no API for it, and its swc parser fails on .tsx and `using`. It also
 * misses `import("…")` types and does not recognize imports of types, which the rule for the client needs.
 *
 * @throws Error with the path of a file that does not parse
 */
export function parseSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);

  const lineOf = (node: Node) => text.slice(0, node.start).split("\n").length;
  const imports: Import[] = [];
  const starExports: number[] = [];
  const environmentReads: number[] = [];
  const errorWraps: number[] = [];
  const races: { line: number; promises: readonly string[] }[] = [];
  // The names of promises that a timer settles, so that they are recognized in a race.
  const timers = new Set<string>();
  const textOf = (node: Node) => text.slice(node.start, node.end);
  const childrenWithoutFolder: number[] = [];
  const addImport = (node: Node, source: Node | null, typeOnly: boolean) => {
    if (source?.type !== "Literal" || typeof source.value !== "string") return;
    imports.push({ specifier: source.value, typeOnly, line: lineOf(node) });
  };

  new Visitor({
    // `import { type A }` is not type-only: with verbatimModuleSyntax the built file still loads the module.
    ImportDeclaration(node) {
      addImport(node, node.source, node.importKind === "type");
      if (/^(node:)?process$/.test(node.source.value) && node.specifiers.some(takesEnvironment)) {
        environmentReads.push(lineOf(node));
      }
    },
    ExportNamedDeclaration: (node) => addImport(node, node.source, node.exportKind === "type"),
    ExportAllDeclaration(node) {
      addImport(node, node.source, node.exportKind === "type");
      starExports.push(lineOf(node));
    },
    ImportExpression: (node) => addImport(node, node.source, false),
    TSImportType: (node) => addImport(node, node.source, true),
    CallExpression(node) {
      if (isNamed(node.callee, "require")) addImport(node, node.arguments[0] ?? null, false);
      const [promises] = node.arguments;
      if (textOf(node.callee) === "Promise.race" && promises?.type === "ArrayExpression") {
        const elements = promises.elements.flatMap((element) => (element ? [textOf(element)] : []));
        races.push({ line: lineOf(node), promises: elements });
      }
      const startsChild = starters.some((name) => isNamed(node.callee, name));
      if (startsChild && !node.arguments.some(namesFolder)) childrenWithoutFolder.push(lineOf(node));
    },
    Identifier(node) {
      if (/^(askPostgres|asking|rethrowWrapped)$/.test(node.name)) errorWraps.push(lineOf(node));
    },
    MemberExpression(node) {
      if (isProcess(node.object) && isNamed(node.property, "env")) environmentReads.push(lineOf(node));
    },
    VariableDeclarator(node) {
      if (node.id.type === "Identifier" && node.init && startsTimer.test(textOf(node.init)))
        timers.add(node.id.name);
      const taken = node.id.type === "ObjectPattern" ? node.id.properties : [];
      if (!isProcess(node.init)) return;
      if (taken.some((property) => property.type === "Property" && isNamed(property.key, "env"))) {
        environmentReads.push(lineOf(node));
      }
    },
  }).visit(program);

  const timerRaces = races
    .filter(({ promises }) => promises.some((promise) => timers.has(promise) || startsTimer.test(promise)))
    .map(({ line }) => line);
  return { path, imports, starExports, environmentReads, childrenWithoutFolder, timerRaces, errorWraps };
}

const startsTimer = /\b(setTimeout|sleep|delay)\(/;

function takesEnvironment(specifier: Node): boolean {
  return specifier.type === "ImportSpecifier" && isNamed(specifier.imported, "env");
}

function namesFolder(argument: Node): boolean {
  const properties = argument.type === "ObjectExpression" ? argument.properties : [];
  return properties.some((property) => property.type === "Property" && isNamed(property.key, "cwd"));
}

/** `process`, or `globalThis.process`. */
function isProcess(node: Node | null): boolean {
  return isNamed(node, "process") || (node?.type === "MemberExpression" && isNamed(node.property, "process"));
}

function isNamed(node: Node | null, name: string): boolean {
  return (
    (node?.type === "Identifier" && node.name === name) || (node?.type === "Literal" && node.value === name)
  );
}
