/** A URL whose user and password can be read. */
export function isRedisUrl(node: string): boolean {
  try {
    readLogin(node);
    return true;
  } catch {
    return false;
  }
}

/** A node in the clear among encrypted ones would be told the password in the clear. */
export function areEncryptedAlike(nodes: readonly string[]): boolean {
  return new Set(nodes.map((node) => new URL(node).protocol)).size <= 1;
}

/**
 * Of nodes that only the cluster names nobody could tell which user is theirs, and the wrong one would be told a
 * password that is not its business. A URL without any takes the others'.
 */
export function haveOneLogin(nodes: readonly string[]): boolean {
  return new Set(nodes.map(readLogin).filter((login) => login !== undefined)).size <= 1;
}

/** User and password; undefined when neither is there. @throws when it is no URL, or not percent-encoded */
function readLogin(node: string): string | undefined {
  const { username, password } = new URL(node);
  const login = [username, password].map(decodeURIComponent);
  return login.some((part) => part !== "") ? JSON.stringify(login) : undefined;
}
