import type { Simulator } from "@rollcall/client/simulator";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { useLanguage } from "../language/language.tsx";

type Props = { simulator: Simulator; onSignIn: (userId: string) => void };

/** The users that have signed up, the latest first. */
export function PeopleList({ simulator, onSignIn }: Props): ReactNode {
  const { text } = useLanguage();
  const titleId = useId();
  // No user is signed in here, so the query belongs to no user.
  const { data: people, isError } = useQuery({
    queryKey: ["people"],
    queryFn: simulator.listPeople,
    refetchInterval: 5_000,
  });
  return (
    <section className="panel" aria-labelledby={titleId}>
      <h2 id={titleId}>{text("signInTitle")}</h2>
      {isError && <p className="soft">{text("clerkAway")}</p>}
      {people?.length === 0 && <p className="soft">{text("noAccounts")}</p>}
      <ul className="people">
        {people?.map(({ id, name, email }) => (
          <li key={id}>
            <button type="button" onClick={() => onSignIn(id)}>
              <strong>
                <span className="unseen">{text("signInTitle")} </span>
                {name}
              </strong>
              <span className="soft">{email}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
