export { connectClerkSimulator } from "./control/client.ts";
export type { ClerkControl, ClerkSimulator, RemoteClerkSimulator } from "./control/control.ts";
export type { ClerkMembership, ClerkOrganization } from "./organizations/clerk-organization.ts";
export type { RollcallTables } from "./page/rollcall-rows.ts";
export { type Happening, happeningSchema, type Provisioning } from "./page/supervisor-channel.ts";
export { countUnknownUsers } from "./page/unknown-users.ts";
export { type ClerkSimulatorOptions, startClerkSimulator } from "./simulator.ts";
export type { ClerkUser } from "./users/clerk-user.ts";
