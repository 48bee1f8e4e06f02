import { withProvisioned } from "../../../lib/rollcall";

export const GET = withProvisioned((_request, { mentorado }) => Response.json({ turma: mentorado.turma }));
