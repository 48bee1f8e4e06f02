import { type ReactNode, Suspense } from "react";
import { requireProvisioned } from "../../lib/rollcall";
import { Providers } from "../providers";

async function Provisioned({ children }: { children: ReactNode }) {
  return <Providers initialSession={await requireProvisioned()}>{children}</Providers>;
}

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <Suspense fallback={<p role="status">Preparando seu perfil…</p>}>
      <Provisioned>{children}</Provisioned>
    </Suspense>
  );
}
