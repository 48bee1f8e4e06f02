import { clerkMiddleware } from "@clerk/express";
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import express from "express";
import { appRouter, createContext } from "./trpc";

const app = express();
app.use(clerkMiddleware());
app.use("/trpc", createExpressMiddleware({ router: appRouter, createContext }));
app.listen(Number(process.env.PORT), "localhost");
