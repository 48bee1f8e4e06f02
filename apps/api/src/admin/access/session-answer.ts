import { type ProfileShape, type SessionAnswer, toAnswerKey, version } from "@rollcall/contracts";
import type { Tables } from "@rollcall/db";
import type { ApiContext } from "../../context.ts";

/** What a page knows about its operator and about the app, after a login and from `GET session`. */
export function answerSession(
  { pool }: Pick<ApiContext, "pool">,
  session: Pick<SessionAnswer, "name" | "role" | "csrf" | "expiresAt">,
): SessionAnswer {
  const organizations = pool.tables.organizations !== undefined;
  return { ...session, version, profile: describeProfile(pool.tables), organizations };
}

function describeProfile({ mapping, profile }: Tables): ProfileShape | null {
  if (!mapping.profile || !profile) return null;
  const columns = Object.entries(mapping.profile.columns).flatMap(
    ([name, mapped]): ProfileShape["columns"] => {
      if (!("from" in mapped)) return [];
      const { from } = mapped;
      const key = toAnswerKey(name);
      // Lists name the columns of the default profile by keys of ours, and all others as the app does.
      const column = profile.isDefault ? key : name;
      return [
        { key, column, from: from === "name" || from === "email" || from === "imageUrl" ? from : "metadata" },
      ];
    },
  );
  return { name: profile.name, columns };
}
