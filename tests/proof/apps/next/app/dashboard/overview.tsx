"use client";

import { useAuthedQuery } from "@rollcall/client/query";

/** A client component whose query waits for the profile, which the initial session already has. */
export function Overview() {
  const { data } = useAuthedQuery({
    queryKey: ["overview"],
    queryFn: async (): Promise<{ turma: string }> => (await fetch("/api/overview")).json(),
  });
  return <p>{data && `Turma ${data.turma}`}</p>;
}
