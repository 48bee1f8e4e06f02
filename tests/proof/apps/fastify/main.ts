import { clerkPlugin, getAuth } from "@clerk/fastify";
import { createRollcallClient } from "@rollcall/client";
import { provisioned } from "@rollcall/client/fastify";
import Fastify, { type FastifyRequest } from "fastify";
import { findProfile } from "../database";

const mentee = provisioned({
  client: createRollcallClient({ baseUrl: process.env.ROLLCALL_URL ?? "", retryDelaysMs: [] }),
  identify: (request: FastifyRequest) => getAuth(request),
  find: (clerkId) => findProfile(clerkId),
});

const app = Fastify();
await app.register(clerkPlugin);
app.get("/api/overview", { preHandler: mentee }, async (request) => ({
  nomeCompleto: mentee.of(request).mentorado.nomeCompleto,
}));
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
