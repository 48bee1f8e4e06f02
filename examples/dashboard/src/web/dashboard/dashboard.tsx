import { useAuthedQuery } from "@rollcall/client/query";
import { useUserProvisioning } from "@rollcall/client/react";
import type { ReactNode } from "react";
import { useLanguage } from "../language/language.tsx";
import { Loading } from "../provisioning/loading.tsx";
import { GoalCards } from "./goal-cards.tsx";
import { useTRPC } from "./trpc.ts";

/** Runs two queries that need a profile; the gate shows this component only with one. */
export function Dashboard(): ReactNode {
  const { text, language } = useLanguage();
  const { mentorado } = useUserProvisioning();
  const trpc = useTRPC();
  const goals = useAuthedQuery({ ...trpc.goals.queryOptions(), enabled: mentorado !== null });
  const cohort = useAuthedQuery({ ...trpc.cohort.queryOptions(), enabled: mentorado !== null });
  if (mentorado === null) return <NoProfile />;
  // If a refetch fails, the older goals are still shown.
  if (goals.isError && !goals.data) return <GoalsFailed onRetry={() => void goals.refetch()} />;
  if (!goals.data) {
    return (
      <div role="status">
        <Loading words={text("loadingGoals")} />
      </div>
    );
  }
  const since =
    cohort.data && new Date(cohort.data.since).toLocaleDateString(language, { dateStyle: "long" });
  return (
    <>
      <div className="greeting">
        <h1>{text("hello", { name: goals.data.name })}</h1>
        <p className="soft">
          {cohort.data &&
            text("cohort", { cohort: cohort.data.name ?? "–", size: cohort.data.size, since: since ?? "" })}
        </p>
      </div>
      <GoalCards goals={goals.data} today={new Date()} />
    </>
  );
}

function GoalsFailed({ onRetry }: { onRetry: () => void }): ReactNode {
  const { text } = useLanguage();
  return (
    <div className="panel trouble" role="alert">
      <h1>{text("goalsFailed")}</h1>
      <button type="button" className="primary" onClick={onRetry}>
        {text("tryAgain")}
      </button>
    </div>
  );
}

function NoProfile(): ReactNode {
  const { text } = useLanguage();
  return (
    <div className="panel trouble">
      <h1>{text("noProfileTitle")}</h1>
      <p>{text("noProfileText")}</p>
    </div>
  );
}
