import type { OrganizationEntry } from "@rollcall/contracts";
import { Badge, type BadgeTone } from "../../design/badge.tsx";
import { useTexts } from "../../language/language.tsx";
import { organizationsTexts } from "./organizations-texts.ts";

const tones: Record<OrganizationEntry["state"], BadgeTone> = {
  live: "good",
  unread: "neutral",
  held: "warn",
  deleted: "neutral",
};

export function OrganizationState({ state }: Pick<OrganizationEntry, "state">) {
  const texts = useTexts(organizationsTexts);
  return <Badge tone={tones[state]}>{texts.states[state]}</Badge>;
}
