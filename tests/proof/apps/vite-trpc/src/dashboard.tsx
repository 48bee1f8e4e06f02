import { useAuthedQuery } from "@rollcall/client/query";
import { trpc } from "./trpc";

export function Dashboard() {
  const { data } = useAuthedQuery(trpc.overview.queryOptions());
  return data && <h1>{data.nomeCompleto}</h1>;
}
