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
  /** Lines that start a child process and name no working directory for it. */
  homelessChildren: readonly number[];
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
  const homelessChildren: number[] = [];
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
      const startsChild = starters.some((name) => isNamed(node.callee, name));
      if (startsChild && !node.arguments.some(namesFolder)) homelessChildren.push(lineOf(node));
    },
    MemberExpression(node) {
      if (isProcess(node.object) && isNamed(node.property, "env")) environmentReads.push(lineOf(node));
    },
    VariableDeclarator(node) {
      const taken = node.id.type === "ObjectPattern" ? node.id.properties : [];
      if (!isProcess(node.init)) return;
      if (taken.some((property) => property.type === "Property" && isNamed(property.key, "env"))) {
        environmentReads.push(lineOf(node));
      }
    },
  }).visit(program);

  return { path, imports, starExports, environmentReads, homelessChildren };
}

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
