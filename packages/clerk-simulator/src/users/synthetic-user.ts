import { mix } from "../random.ts";
import { type ClerkUser, emailAddress, emptyUser } from "./clerk-user.ts";
import type { UserIds } from "./user-ids.ts";

export type SyntheticUsers = {
  /** The serialised user of a slot, made on demand: a million of them need no memory. */
  jsonOf(slot: number, createdAtMs: number, updatedAtMs: number): string;
  /** The slot with this synthetic address; null for any other address. */
  slotOfEmail(address: string): number | null;
};

const firstNames = ["Ana", "Bruno", "Carla", "Diego", "Elisa", "Fabio", "Gabriela", "Hugo", "Ines", "Joao"];
const lastNames = ["Silva", "Souza", "Costa", "Oliveira", "Pereira", "Lima", "Gomes", "Ribeiro"];
const turmas = ["neon", "prata", "ouro"];

/** Makes users with names. Most have a verified address; one in 53 is unverified and one in 211 has none. */
export function createSyntheticUsers(seed: number, ids: UserIds): SyntheticUsers {
  const withEmail = compileTemplate(placeholderUser(true));
  const withoutEmail = compileTemplate(placeholderUser(false));

  function emailOf(slot: number): string {
    const first = pick(firstNames, mix(seed, slot));
    return `${first}.${pick(lastNames, mix(seed + 1, slot))}.${slot}@example.com`.toLowerCase();
  }

  function jsonOf(slot: number, createdAtMs: number, updatedAtMs: number): string {
    const template = slot % 211 === 210 ? withoutEmail : withEmail;
    const id = ids.idOf(slot);
    return template({
      id: `"${id}"`,
      firstName: `"${pick(firstNames, mix(seed, slot))}"`,
      lastName: slot % 97 === 96 ? "null" : `"${pick(lastNames, mix(seed + 1, slot))}"`,
      imageUrl: `"https://img.clerk.com/${id}"`,
      createdAt: String(createdAtMs),
      updatedAt: String(updatedAtMs),
      emailId: `"${ids.emailIdOf(slot)}"`,
      email: `"${emailOf(slot)}"`,
      status: slot % 53 === 52 ? '"unverified"' : '"verified"',
      turma: `"${pick(turmas, slot)}"`,
    });
  }

  function slotOfEmail(address: string): number | null {
    const digits = /\.(\d{1,9})@example\.com$/.exec(address)?.[1];
    if (digits === undefined) return null;
    const slot = Number(digits);
    return slot % 211 !== 210 && emailOf(slot) === address ? slot : null;
  }

  return { jsonOf, slotOfEmail };
}

type TemplateValues = Record<string, string>;

/** Splits a serialised object at its placeholders, so that filling it in only joins strings. */
function compileTemplate(sample: unknown): (values: TemplateValues) => string {
  const parts = JSON.stringify(sample).split(/"@(\w+)"/);
  return (values) => {
    let json = parts[0] ?? "";
    for (let i = 1; i < parts.length; i += 2)
      json += (values[parts[i] ?? ""] ?? "null") + (parts[i + 1] ?? "");
    return json;
  };
}

/** A user with `@name` at each value that differs between synthetic users. */
function placeholderUser(hasEmail: boolean): Record<string, unknown> {
  const user: Record<keyof ClerkUser, unknown> = emptyUser("@id", 0);
  user.first_name = "@firstName";
  user.last_name = "@lastName";
  user.image_url = "@imageUrl";
  user.created_at = "@createdAt";
  user.updated_at = "@updatedAt";
  user.public_metadata = { turma: "@turma" };
  if (!hasEmail) return user;
  const email: Record<string, unknown> = emailAddress("@emailId", "@email", "verified", 0);
  email["verification"] = { ...emailAddress("", "", "verified", 0).verification, status: "@status" };
  email["created_at"] = "@createdAt";
  email["updated_at"] = "@createdAt";
  user.email_addresses = [email];
  user.primary_email_address_id = "@emailId";
  return user;
}

function pick<T>(items: readonly [T, ...T[]] | readonly T[], number: number): T {
  const item = items[number % items.length];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}
