import type { RunView } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "../pool.ts";
import { runColumns, runRow } from "./runs.ts";

const open = `
select from rollcall.runs where mode = 'full' and not dry_run and state in ('waiting', 'running') limit 1
`;

/** Whether a full run that writes is asked for or under way. */
export async function hasOpenFullSync(db: Queryable): Promise<boolean> {
  return (await db.query(open)).rows.length > 0;
}

const note = `
update rollcall.runs r set confirmed_by = $2
where r.id = $1 and r.state = 'held' and not r.dry_run
returning ${runColumns}
`;

/** Writes down who wants a held run's deletions carried out. @returns undefined when it holds none */
export async function noteConfirmation(db: Queryable, id: number, by: string): Promise<RunView | undefined> {
  const result = await db.query(note, [id, by]);
  return z.array(runRow).parse(result.rows)[0];
}
