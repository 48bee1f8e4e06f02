import { z } from "zod";

/** A message from the simulator to the process that started it. */
export const happeningSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("person"),
    change: z.enum(["created", "updated", "deleted", "signed-in"]),
    userId: z.string(),
    name: z.string(),
    atMs: z.number(),
  }),
  z.object({
    kind: z.literal("webhook"),
    /** The `svix-id`. */
    id: z.string(),
    type: z.string(),
    userId: z.string(),
    state: z.enum(["waiting", "delivered", "lost", "failed"]),
    copies: z.number(),
  }),
]);
export type Happening = z.infer<typeof happeningSchema>;

/** A message from that process: the cause by which Rollcall made the rows of a user. */
export const provisioningSchema = z.object({
  kind: z.literal("provisioned"),
  userId: z.string(),
  cause: z.string(),
});
export type Provisioning = z.infer<typeof provisioningSchema>;

export type SupervisorChannel = {
  send(happening: Happening): void;
  onProvisioning(listener: (provisioning: Provisioning) => void): void;
};

/** The channel that `fork` or an `ipc` stdio entry made; without one, `send` does nothing. */
export function openSupervisorChannel(): SupervisorChannel {
  return {
    send(happening) {
      // An error does not matter: a supervisor that exits ends its children too.
      if (process.connected) process.send?.(happening, undefined, undefined, () => undefined);
    },
    onProvisioning(listener) {
      process.on("message", (message) => {
        const read = provisioningSchema.safeParse(message);
        if (read.success) listener(read.data);
      });
    },
  };
}
