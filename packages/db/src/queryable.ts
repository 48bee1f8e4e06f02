import type pg from "pg";
import type { Tables } from "./tables.ts";

// biome-ignore lint/suspicious/noExplicitAny: as in the driver: readRows parses a row without a type, or a test reads it.
type UntypedRow = any;

/** A statement may have a longer time limit than the pool's: the driver knows the option, and its types do not. */
export type Statement = pg.QueryConfig & { query_timeout?: number };

/** Runs statements: the pool, or the connection of an open transaction. It throws AppErrors, mostly PostgresErrors. */
export type Queryable = {
  /** The app's tables, as the mapping names them. */
  readonly tables: Tables;
  query<Row extends pg.QueryResultRow = UntypedRow>(
    statement: string | Statement,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>>;
};

/** A connection that is out of the pool until it is released. */
export type Connection = Queryable & {
  /** Returns the connection to the pool. With `true` it is closed instead. */
  release(close?: boolean): void;
};
