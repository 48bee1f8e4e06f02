import { useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { Loading } from "../design/states.tsx";
import { readReturnPath } from "./return-path.ts";

/**
 * The login's own address, once an operator is logged in. It loads the page anew, because the board is no page of this
 * router. A link on another site to the board ends here too: the browser sends the session's cookie only from here on.
 */
export function LoginReturn() {
  const wanted = useSearch({ from: "/login", select: (search) => search.return });
  useEffect(() => window.location.replace(readReturnPath(wanted, window.location.origin)), [wanted]);
  return <Loading />;
}
