const start = "/admin/";

/**
 * Where a browser goes after its login. Only a page below /admin is taken: any other address could be a copy of this page
 * on another site, to which a link sent the operator.
 *
 * @param wanted the `return` of the login's address
 */
export function readReturnPath(wanted: unknown, origin: string): string {
  if (typeof wanted !== "string" || !wanted.startsWith("/") || !URL.canParse(wanted, origin)) return start;
  // The URL resolves what a browser would resolve: dots, backslashes and a second slash.
  const { origin: host, pathname, search, hash } = new URL(wanted, origin);
  if (host !== origin || !pathname.startsWith(start) || pathname.startsWith(`${start}login`)) return start;
  return `${pathname}${search}${hash}`;
}
