import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import type { DiffTarget, SchemaContainer, SchemaEngine } from "@prisma/schema-engine-wasm/schema_engine_bg";
import * as engine from "@prisma/schema-engine-wasm/schema_engine_bg";
import pg from "pg";

/**
 * For tests: Prisma's own schema engine, which `prisma db push` and `prisma migrate` run. Here it is the build in
 * WebAssembly, because the CLI downloads a binary, and npm alone must be enough for the tests.
 */
export type Prisma = {
  /** As `prisma db push`, without its consent to lose data. @returns the number of statements */
  push(schema: string): Promise<number>;
  /** As `prisma migrate diff`: the statements from the database to the schema, and from the schema to the database. */
  diff(schema: string): Promise<{ toSchema: string; toDatabase: string }>;
};

/** The parts of the global that are used here. Its types come only with those of a browser. */
type Wasm = {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Record<string, () => void> };
};

/** The package's own entry imports the `.wasm` file, which Node 20 does only with a flag. */
function loadEngine(): typeof SchemaEngine {
  const folder = dirname(createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm"));
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const module = new Module(readFileSync(join(folder, "schema_engine_bg.wasm")));
  const { exports } = new Instance(module, { "./schema_engine_bg.js": engine });
  engine.__wbg_set_wasm(exports);
  exports["__wbindgen_start"]?.();
  return engine.SchemaEngine;
}

let loaded: typeof SchemaEngine | undefined;

const writeHead = (previewFeatures: readonly string[]) => `
datasource db {
  provider = "postgresql"
}
generator client {
  provider        = "prisma-client"
  previewFeatures = ${JSON.stringify(previewFeatures)}
}
`;

const filters = { externalTables: [], externalEnums: [] };

/** The type "char" of Postgres' catalog, which the adapter does not know and the engine needs. */
const [charType, textType] = [18, 25];

/** An adapter that reads the catalog: the columns of "char" in an answer are found again by its rows. */
class CatalogAdapter extends PrismaPg {
  readonly #charColumns = new WeakMap<object, readonly number[]>();

  constructor(pool: pg.Pool) {
    super(pool);
    const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<pg.QueryResult>;
    pool.query = (async (...args: unknown[]) => {
      const result = await query(...args);
      const fields = result.fields ?? [];
      const found = fields.flatMap(({ dataTypeID }, index) => (dataTypeID === charType ? [index] : []));
      for (const index of found) Object.assign(fields[index] ?? {}, { dataTypeID: textType });
      this.#charColumns.set(result.rows, found);
      return result;
    }) as never;
  }

  override async connect() {
    const adapter = await super.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      for (const index of this.#charColumns.get(result.rows) ?? [])
        result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    };
    return adapter;
  }
}

export function openPrisma(databaseUrl: string, previewFeatures: readonly string[] = []): Prisma {
  const withEngine = async <T>(
    schema: string,
    work: (opened: SchemaEngine, files: SchemaContainer[]) => Promise<T>,
  ) => {
    const files = [{ path: "schema.prisma", content: `${writeHead(previewFeatures)}${schema}` }];
    const pool = new pg.Pool({ connectionString: databaseUrl });
    const adapter = bindMigrationAwareSqlAdapterFactory(new CatalogAdapter(pool));
    loaded ??= loadEngine();
    try {
      const opened = await loaded.new(
        { datamodels: files.map(({ path, content }): [string, string] => [path, content]) },
        () => undefined,
        adapter,
      );
      try {
        return await work(opened, files);
      } finally {
        opened.free();
      }
    } finally {
      await pool.end();
    }
  };
  return {
    push: (schema) =>
      withEngine(schema, async (engine, files) => {
        const result = await engine.schemaPush({ force: false, schema: { files }, filters });
        const refused = [...result.unexecutable, ...result.warnings];
        if (refused.length > 0) throw new Error(refused.join("\n"));
        return result.executedSteps;
      }),
    diff: (schema) =>
      withEngine(schema, async (engine, files) => {
        const [ofSchema, ofDatabase] = [
          { tag: "schemaDatamodel" as const, files },
          { tag: "schemaDatasource" as const, files, configDir: "." },
        ];
        const write = async (from: DiffTarget, to: DiffTarget) =>
          (await engine.diff({ from, to, script: true, exitCode: null, filters })).stdout ?? "";
        return {
          toSchema: await write(ofDatabase, ofSchema),
          toDatabase: await write(ofSchema, ofDatabase),
        };
      }),
  };
}
