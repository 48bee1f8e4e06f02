import { clerkMiddleware, getAuth } from "@clerk/express";
import { createRollcallClient } from "@rollcall/client";
import { provisioned } from "@rollcall/client/express";
import express, { type Request } from "express";
import { findProfile } from "../database";

const mentee = provisioned({
  client: createRollcallClient({ baseUrl: process.env.ROLLCALL_URL ?? "", retryDelaysMs: [] }),
  identify: (req: Request) => getAuth(req),
  find: (clerkId) => findProfile(clerkId),
});

const app = express();
app.use(clerkMiddleware());
app.get("/api/overview", mentee, (req, res) => {
  const { mentorado } = mentee.of(req);
  res.json({ nomeCompleto: mentorado.nomeCompleto, runtime: process.versions.bun ? "bun" : "node" });
});
app.listen(Number(process.env.PORT), "127.0.0.1");
