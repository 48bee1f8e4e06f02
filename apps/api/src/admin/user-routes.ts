import { AppError, clerkUserId, type UserReport } from "@rollcall/contracts";
import { explainUser } from "@rollcall/sync";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ApiContext } from "../context.ts";
import { readInput } from "./read-input.ts";

const userParams = z.object({ clerkId: clerkUserId });

export function registerUserRoutes(scope: FastifyInstance, context: ApiContext): void {
  scope.get("/users/:clerkId", async (request): Promise<UserReport> => {
    const { clerkId } = readInput(userParams, request.params);
    const report = await explainUser(context.explain, clerkId);
    if (!report) throw new AppError("user.unknown", "Neither Clerk nor we know the id");
    return report;
  });
}
