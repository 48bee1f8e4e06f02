import type { ReactNode } from "react";
import { requireProvisioned } from "../../lib/rollcall";
import { Providers } from "../providers";

export default async function Layout({ children }: { children: ReactNode }) {
  return <Providers initialSession={await requireProvisioned()}>{children}</Providers>;
}
