import {
  formatTraceparent,
  nameErrorType,
  parseTraceparent,
  type Span,
  type SpanContext,
  type Tracing,
} from "@rollcall/observability";
import { DelayedError } from "bullmq";
import { z } from "zod";
import type { AddedJob, JobProcessor, JobQueue, JobToAdd, QueuedJob } from "./backend.ts";
import type { QueueName } from "./queue-names.ts";

/**
 * The span that added a job, in the job's payload beside the fields of its schema. It has a version of its own: a worker
 * that does not know the field, or this version of it, runs the job and begins a trace. The payload's version stays.
 */
const tracedPayload = z.object({ trace: z.object({ v: z.literal(1), parent: z.string().max(255) }) });

function withTrace(payload: object, span: Span): object {
  return { ...payload, trace: { v: 1, parent: formatTraceparent(span.context) } };
}

function readTrace(payload: unknown): SpanContext | undefined {
  return parseTraceparent(tracedPayload.safeParse(payload).data?.trace.parent);
}

function describe(queue: QueueName, operation: "add" | "process", type: "send" | "process") {
  return {
    name: `${operation} ${queue}`,
    attributes: {
      "messaging.system": "bullmq",
      "messaging.destination.name": queue,
      "messaging.operation.name": operation,
      "messaging.operation.type": type,
    },
  } as const;
}

/** Adds a job in a span, whose name it puts into the payload. */
export async function traceEnqueue(
  tracing: Tracing,
  queue: QueueName,
  job: JobToAdd,
  add: (job: JobToAdd) => Promise<AddedJob>,
): Promise<void> {
  const span = tracing.start({ ...describe(queue, "add", "send"), kind: "producer" });
  try {
    const added = await tracing.run(span, () => add({ ...job, payload: withTrace(job.payload, span) }));
    if (!span.isRecording || added.id === undefined) span.end();
    else {
      span.set({ "messaging.message.id": added.id });
      // The caller does not wait for it.
      void linkIfMerged(added.queue, added.id, span, Date.now());
    }
  } catch (error) {
    span.fail(nameErrorType(error));
    span.end();
    throw error;
  }
}

/** A job links to at most so many of the traces that merged into it. */
const mostMerged = 32;

/**
 * BullMQ drops the payload of a job that merges into a waiting or active one. The two traces then link to each other: the
 * span that added it to the trace of the job that runs, and that job, by an entry of its log, to this span.
 */
async function linkIfMerged(queue: JobQueue, id: string, span: Span, addedAtMs: number): Promise<void> {
  try {
    const job = await queue.getJob(id);
    const other = job && readTrace(job.data);
    if (!job || (other && other.spanId === span.context.spanId)) return;
    if (other) span.link(other);
    span.set({ "rollcall.job.merged": true });
    await queue.addJobLog(id, mergedPrefix + formatTraceparent(span.context), mostMerged);
  } catch {
    // Without the link both traces are still there.
  } finally {
    span.end(addedAtMs);
  }
}

const mergedPrefix = "merged ";

async function readMerged(queue: JobQueue | undefined, job: QueuedJob): Promise<SpanContext[]> {
  if (!queue || job.id === undefined) return [];
  const { logs } = await queue.getJobLogs(job.id, 0, mostMerged - 1);
  return logs.flatMap((row) =>
    row.startsWith(mergedPrefix) ? (parseTraceparent(row.slice(mergedPrefix.length)) ?? []) : [],
  );
}

/**
 * Runs each job in a span below the span that added it, after a span of its wait in the queue. Each attempt is a span of its
 * own. Without tracing it is `process` itself.
 *
 * @param findQueue finds the queue whose logs name the merged traces
 */
export function traceJobs(
  tracing: Tracing | undefined,
  queue: QueueName,
  findQueue: () => JobQueue | undefined,
  process: JobProcessor,
): JobProcessor {
  if (!tracing) return process;
  return async (job, token, signal) => {
    const parent = readTrace(job.data) ?? null;
    const attempt = job.attemptsStarted ?? job.attemptsMade + 1;
    if (attempt === 1 && parent) recordWait(tracing, queue, parent, job.timestamp);
    const { attributes, ...options } = describe(queue, "process", "process");
    const own = {
      ...attributes,
      ...(job.id !== undefined && { "messaging.message.id": job.id }),
      "rollcall.job.name": job.name,
      "rollcall.job.attempt": attempt,
    };
    const span = tracing.start({ ...options, attributes: own, kind: "consumer", parent });
    const merged = span.isRecording ? readMerged(findQueue(), job).catch(() => []) : [];
    try {
      return await tracing.run(span, () => process(job, token, signal));
    } catch (error) {
      failAttempt(span, error);
      throw error;
    } finally {
      for (const context of await merged) span.link(context);
      span.end();
    }
  };
}

function failAttempt(span: Span, error: unknown): void {
  // A job that is snoozed did not fail.
  if (error instanceof DelayedError) return;
  // The message of a `JobFailure` is its code.
  span.fail(error instanceof Error && error.name === "JobFailure" ? error.message : nameErrorType(error));
}

function recordWait(tracing: Tracing, queue: QueueName, parent: SpanContext, addedAtMs: number): void {
  const nowMs = Date.now();
  const attributes = { "messaging.system": "bullmq", "messaging.destination.name": queue };
  // The clocks of two machines differ.
  const startMs = Math.min(addedAtMs, nowMs);
  tracing.start({ name: `wait ${queue}`, parent, attributes, startMs }).end(nowMs);
}
