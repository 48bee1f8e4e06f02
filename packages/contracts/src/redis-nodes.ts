/** A URL with a readable user and password. */
export function isRedisUrl(node: string): boolean {
  try {
    readLogin(node);
    return true;
  } catch {
    return false;
  }
}

/** Whether all nodes have one scheme. With mixed schemes, the password would also be sent unencrypted. */
export function areEncryptedAlike(nodes: readonly string[]): boolean {
  return new Set(nodes.map((node) => new URL(node).protocol)).size <= 1;
}

/**
 * Whether the nodes name at most one login. A cluster names further nodes without a login, so with several logins a node
 * could get a password that is not its own. A URL without a login uses the login of the others.
 */
export function haveOneLogin(nodes: readonly string[]): boolean {
  return new Set(nodes.map(readLogin).filter((login) => login !== undefined)).size <= 1;
}

/** User and password; undefined without both. @throws for a string that is no URL or not percent-encoded */
function readLogin(node: string): string | undefined {
  const { username, password } = new URL(node);
  const login = [username, password].map(decodeURIComponent);
  return login.some((part) => part !== "") ? JSON.stringify(login) : undefined;
}
