import { FastifyAdapter } from "@bull-board/fastify";

type Routes = Parameters<FastifyAdapter["setApiRoutes"]>[0];
type ErrorHandler = Parameters<FastifyAdapter["setErrorHandler"]>[0];

/** What tells of the database behind the queues: its version, memory and port, and who is connected from where. */
const innerRoutes = new Set(["/api/redis/stats", "/api/queues/:queueName/workers"]);

/** Bull Board's own adapter, without the routes that nobody may use: one that is not there cannot leak or write. */
export class BoardAdapter extends FastifyAdapter {
  private readonly readOnly: boolean;

  constructor({ readOnly }: { readOnly: boolean }) {
    super();
    this.readOnly = readOnly;
  }

  override setApiRoutes(routes: Routes): FastifyAdapter {
    return super.setApiRoutes(
      routes.filter(
        ({ route, method }) =>
          ![route].flat().some((path) => innerRoutes.has(path)) &&
          (!this.readOnly || [method].flat().every((verb) => verb === "get")),
      ),
    );
  }

  /** The board would answer with the error's own text, which names hosts and ports. */
  override setErrorHandler(handler: ErrorHandler): this {
    return super.setErrorHandler((error) => handler(withoutText(error)));
  }
}

function withoutText(error: Error): Error {
  const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
  return Object.assign(new Error("The queues did not answer"), { statusCode: status });
}

/** The page asks Google for its fonts, which our policy forbids: the browser would complain on every visit. */
const outsideFonts = /<link\b[^>]*fonts\.googleapis\.com[^>]*>/g;

/** The board's page without what it would fetch from elsewhere. */
export function withoutOutsideFonts(payload: unknown): unknown {
  return typeof payload === "string" ? payload.replaceAll(outsideFonts, "") : payload;
}
