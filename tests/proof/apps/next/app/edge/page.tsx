import { requireProvisioned } from "../../lib/rollcall-edge";

export const runtime = "edge";

export default async function Page() {
  const { mentorado } = await requireProvisioned();
  return <h1>{mentorado.nomeCompleto}</h1>;
}
