import { readPasswordHash } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { derivePasswordKey, hashPassword, isPasswordOf, makeBlindHash } from "./password-hash.ts";

async function hashOf(password: string) {
  const hash = readPasswordHash(await hashPassword(password));
  if (!hash) throw new Error("the hash was not read back");
  return hash;
}

test("a hash matches its own password and no other", async () => {
  const hash = await hashOf("correct horse battery staple");
  expect(await isPasswordOf(hash, "correct horse battery staple")).toBe(true);
  for (const other of ["correct horse battery stapl", "Correct horse battery staple", ""])
    expect(await isPasswordOf(hash, other)).toBe(false);
});

test("an accent matches however a keyboard composes it", async () => {
  const hash = await hashOf("senha da Conceição");
  expect(await isPasswordOf(hash, "senha da Conceição".normalize("NFD"))).toBe(true);
});

test("two hashes of one password differ, and no text of an entry means something to a shell", async () => {
  const [one, two] = [
    await hashPassword("correct horse battery staple"),
    await hashPassword("correct horse battery staple"),
  ];
  expect(one).not.toBe(two);
  expect(one).toMatch(/^[\w.-]+$/);
});

test("no password matches a blind hash, and two purposes give two keys", async () => {
  expect(await isPasswordOf(makeBlindHash(), "")).toBe(false);
  const keys = await Promise.all(
    ["one", "two", "one"].map((purpose) => derivePasswordKey("a password", purpose)),
  );
  expect(keys[0]).toEqual(keys[2]);
  expect(keys[0]).not.toEqual(keys[1]);
});
