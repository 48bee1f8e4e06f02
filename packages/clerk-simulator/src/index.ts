export type { ClerkUser } from "./clerk-user.ts";
export type { ClerkControl, ClerkSimulator, RemoteClerkSimulator } from "./control.ts";
export { connectClerkSimulator } from "./control-client.ts";
export { type Happening, happeningSchema, type Provisioning } from "./page/supervisor-channel.ts";
export { type ClerkSimulatorOptions, startClerkSimulator } from "./simulator.ts";
