type Environment = Readonly<Record<string, string | undefined>>;

const signals = ["traces", "metrics", "logs"] as const;
export type Signal = (typeof signals)[number];

const protocols = ["http/protobuf", "http/json"] as const;
export type Protocol = (typeof protocols)[number];

/** The limits of the records that wait for the collector. Times are milliseconds. */
export type BatchLimits = { queue: number; batch: number; delayMs: number };

export type TelemetrySettings = {
  /** The signals that are sent, with their protocol. At least one. */
  signals: Readonly<Partial<Record<Signal, Protocol>>>;
  spans: BatchLimits;
  logs: BatchLimits;
  metricsEveryMs: number;
  /** The most links of a span. */
  mostLinks: number;
  /** What is wrong with variables that have no effect therefore. No text holds a value that may be a secret. */
  problems: readonly string[];
};

/**
 * Reads those of OpenTelemetry's variables that its SDK leaves to the program. The SDK itself reads the addresses, headers,
 * certificates and timeouts of the exporters, the sampler, the limits of spans, and the attributes of the resource.
 *
 * OpenTelemetry wants a wrong value to be reported and ignored: a variable for traces must not keep a process from starting.
 *
 * @returns undefined when nothing is to be sent: then no module of OpenTelemetry is loaded
 */
export function readTelemetrySettings(environment: Environment): TelemetrySettings | undefined {
  const read = (name: string) => environment[name]?.trim() || undefined;
  if (read("OTEL_SDK_DISABLED")?.toLowerCase() === "true") return undefined;
  const problems: string[] = [];
  const chosen = signals.flatMap((signal) => {
    const protocol = readSignal(read, signal, problems);
    return protocol ? [[signal, protocol] as const] : [];
  });
  if (chosen.length === 0 && problems.length === 0) return undefined;

  const number = (name: string, fallback: number) => {
    const value = read(name);
    if (value === undefined) return fallback;
    if (/^\d+$/.test(value) && Number(value) > 0 && Number(value) <= longestTimerMs) return Number(value);
    problems.push(`${name} must be a whole number from 1 to ${longestTimerMs}`);
    return fallback;
  };
  const limits = (prefix: string, delayMs: number) => {
    const queue = number(`${prefix}_MAX_QUEUE_SIZE`, 2_048);
    return {
      queue,
      // A batch that the queue cannot hold would never be full, and wait for its delay while records are lost.
      batch: Math.min(queue, number(`${prefix}_MAX_EXPORT_BATCH_SIZE`, 512)),
      delayMs: number(`${prefix}_SCHEDULE_DELAY`, delayMs),
    };
  };
  reportIgnored(read, problems);
  return {
    signals: Object.fromEntries(chosen),
    spans: limits("OTEL_BSP", 5_000),
    logs: limits("OTEL_BLRP", 1_000),
    metricsEveryMs: number("OTEL_METRIC_EXPORT_INTERVAL", 60_000),
    // A batch has up to 500 users, and its span links to each of them. OpenTelemetry's default is 128.
    mostLinks: number("OTEL_SPAN_LINK_COUNT_LIMIT", 500),
    problems,
  };
}

function readSignal(
  read: (name: string) => string | undefined,
  signal: Signal,
  problems: string[],
): Protocol | undefined {
  const name = signal.toUpperCase();
  const [ownEndpoint, endpoint] = [`OTEL_EXPORTER_OTLP_${name}_ENDPOINT`, "OTEL_EXPORTER_OTLP_ENDPOINT"];
  const endpointVariable = read(ownEndpoint) === undefined ? endpoint : ownEndpoint;
  const address = read(endpointVariable);
  const exporter = read(`OTEL_${name}_EXPORTER`) ?? "otlp";
  if (address === undefined || exporter === "none") return undefined;
  if (exporter !== "otlp") {
    problems.push(`OTEL_${name}_EXPORTER must be otlp or none: no ${signal} are sent`);
    return undefined;
  }
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
    problems.push(`${endpointVariable} must be a URL of http or https: no ${signal} are sent`);
    return undefined;
  }
  const given = read(`OTEL_EXPORTER_OTLP_${name}_PROTOCOL`) ?? read("OTEL_EXPORTER_OTLP_PROTOCOL");
  const protocol = protocols.find((known) => known === (given ?? "http/protobuf"));
  if (protocol === undefined)
    problems.push(
      `OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf (the default, mostly port 4318) or http/json: no ${signal} are sent`,
    );
  if (signal === "traces" && !isSamplerReadable(read, problems)) return undefined;
  return protocol;
}

/** For a longer time Node's timers take 1 ms. */
const longestTimerMs = 2_147_483_647;

const samplers = ["always_on", "always_off", "traceidratio"].flatMap((name) => [name, `parentbased_${name}`]);

/** The SDK takes a sampler that it cannot read as one that records everything, which costs most. */
function isSamplerReadable(read: (name: string) => string | undefined, problems: string[]): boolean {
  const sampler = read("OTEL_TRACES_SAMPLER");
  if (sampler !== undefined && !samplers.includes(sampler)) {
    problems.push(`OTEL_TRACES_SAMPLER must be one of ${samplers.join(", ")}: no traces are sent`);
    return false;
  }
  const share = read("OTEL_TRACES_SAMPLER_ARG");
  if (!sampler?.endsWith("traceidratio") || share === undefined) return true;
  if (Number(share) >= 0 && Number(share) <= 1) return true;
  problems.push("OTEL_TRACES_SAMPLER_ARG must be a share from 0 to 1: no traces are sent");
  return false;
}

const headerPairs = /^([\w!#$%&'*+.^`|~-]+\s*=[^,]*(,\s*|$))+$/;

/** Reports what the SDK ignores without a word: it then uses its default. */
function reportIgnored(read: (name: string) => string | undefined, problems: string[]): void {
  for (const of of ["", ...signals.map((signal) => `${signal.toUpperCase()}_`)]) {
    const check = (name: string, isReadable: (value: string) => boolean, form: string) => {
      const value = read(`OTEL_EXPORTER_OTLP_${of}${name}`);
      if (value !== undefined && !isReadable(value))
        problems.push(`OTEL_EXPORTER_OTLP_${of}${name} must be ${form}`);
    };
    check("TIMEOUT", (value) => Number(value) > 0 && Number(value) <= longestTimerMs, "milliseconds over 0");
    check("COMPRESSION", (value) => value === "gzip" || value === "none", "gzip or none");
    check("HEADERS", areHeaders, "name=value, with commas between several, and values as in a URL");
  }
}

function areHeaders(value: string): boolean {
  try {
    // A decoded line break would make each request fail.
    return headerPairs.test(value) && /^[\t\x20-\x7e\x80-\xff]*$/.test(decodeURIComponent(value));
  } catch {
    return false;
  }
}
