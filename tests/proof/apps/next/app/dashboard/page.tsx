import { requireProvisioned } from "../../lib/rollcall";
import { Overview } from "./overview";

export default async function Page() {
  const { mentorado } = await requireProvisioned();
  return (
    <>
      <h1>{mentorado.nomeCompleto}</h1>
      <Overview />
    </>
  );
}
