import type pg from "pg";
import { queueNames } from "./queue-names.ts";

// BullMQ's own lock for it: a process that adds its first job may be doing the same.
const create = `
do $$
declare
  queue text;
begin
  foreach queue in array array[${queueNames.map((name) => `'${name}'`).join(", ")}] loop
    perform pg_advisory_xact_lock(hashtext('bullmq:jidseq:' || queue));
    execute format('create sequence if not exists bullmq.%I', bullmq.job_id_seq_name(queue));
  end loop;
end
$$`;

/**
 * Makes the sequence of each queue's job ids. BullMQ would make it with the queue's first job, which a role that may
 * create nothing could never add. Needs BullMQ's tables.
 */
export async function createQueueSequences(client: pg.PoolClient): Promise<void> {
  await client.query(create);
}
