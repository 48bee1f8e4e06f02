import { randomUUID } from "node:crypto";
import { exportSPKI, generateKeyPair, SignJWT } from "jose";

export const origin = "http://localhost:5173";

export type TokenMint = {
  /** Public key, PEM. */
  jwtKey: string;
  /** A session token that outlasts the run, and differs from all before it. */
  mint(clerkId: string): Promise<string>;
};

/** Session tokens as Clerk makes them, signed here: a request to the simulator for each would only cost time. */
export async function createTokenMint(): Promise<TokenMint> {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  return {
    jwtKey: await exportSPKI(publicKey),
    mint: (clerkId) =>
      new SignJWT({ sub: clerkId, sid: `sess_${clerkId}`, azp: origin, v: 2, jti: randomUUID() })
        .setProtectedHeader({ alg: "RS256" })
        .setIssuedAt()
        .setExpirationTime("12h")
        .sign(privateKey),
  };
}
