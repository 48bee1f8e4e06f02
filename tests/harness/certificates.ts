import { execFile, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Paths of PEM files. */
export type Certificates = { ca: string; strangeCa: string; cert: string; key: string };

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

/** Node cannot create certificates, so the tests need openssl. With CI=true a missing openssl is an error. */
export function hasOpenssl(): boolean {
  const found = spawnSync("openssl", ["version"], { cwd: tmpdir() }).status === 0;
  if (!found && process.env["CI"] === "true") throw new Error("CI must test TLS too: put openssl on PATH");
  return found;
}

/** Creates a private CA, its certificate for 127.0.0.1 and localhost, and a second private CA. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string) => join(folder, name);
  const make = (name: string, ...args: string[]) =>
    promisify(execFile)("openssl", [
      ...["req", "-x509", ...curve, "-subj", `/CN=${name}`],
      ...["-keyout", path(`${name}.key`), "-out", path(`${name}.pem`), ...args],
    ]);
  await Promise.all([make("ca"), make("strange-ca")]);
  await make(
    "server",
    ...["-CA", path("ca.pem"), "-CAkey", path("ca.key")],
    ...[
      "-addext",
      "subjectAltName=IP:127.0.0.1,DNS:localhost",
      "-addext",
      "basicConstraints=critical,CA:FALSE",
    ],
  );
  return {
    ca: path("ca.pem"),
    strangeCa: path("strange-ca.pem"),
    cert: path("server.pem"),
    key: path("server.key"),
  };
}
