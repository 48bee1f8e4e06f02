import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { z } from "zod";

const secretsSchema = z.object({
  adminPassword: z.string(),
  clerkSecretKey: z.string(),
  clerkWebhookSecret: z.string(),
  /** PEM (PKCS 8); signs the simulator's session tokens. */
  clerkSigningKey: z.string(),
});

/** Generated at the first start and kept, so that logins and open sessions survive a restart. */
export type Secrets = z.infer<typeof secretsSchema> & {
  /** PEM; what Clerk's dashboard calls the JWT key. */
  clerkJwtKey: string;
};

/** Reads the secrets of earlier starts, or generates them. Only the owner may read the file. */
export async function keepSecrets(path: string): Promise<Secrets> {
  const kept = (await readSecrets(path)) ?? (await writeSecrets(path));
  const clerkJwtKey = createPublicKey(kept.clerkSigningKey)
    .export({ type: "spki", format: "pem" })
    .toString();
  return { ...kept, clerkJwtKey };
}

async function readSecrets(path: string): Promise<z.infer<typeof secretsSchema> | undefined> {
  try {
    return secretsSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    // The file is missing, incomplete or of another version. New secrets work too.
    return undefined;
  }
}

async function writeSecrets(path: string): Promise<z.infer<typeof secretsSchema>> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const secrets = {
    adminPassword: randomBytes(12).toString("base64url"),
    clerkSecretKey: `sk_test_${randomBytes(20).toString("hex")}`,
    clerkWebhookSecret: `whsec_${randomBytes(24).toString("base64")}`,
    clerkSigningKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
  await writeFile(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  // `mode` has no effect on a file that existed.
  await chmod(path, 0o600);
  return secrets;
}
