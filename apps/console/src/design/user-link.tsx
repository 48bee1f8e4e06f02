import { Link } from "@tanstack/react-router";
import { useTexts } from "../language/language.tsx";
import { commonTexts } from "./texts.ts";

/** A Clerk id that leads to the page of its user. */
export function UserLink({ clerkId }: { clerkId: string | null }) {
  const texts = useTexts(commonTexts);
  if (clerkId === null) return <span className="soft">{texts.noValue}</span>;
  return (
    <Link to="/users/$clerkId" params={{ clerkId }} className="code">
      {clerkId}
    </Link>
  );
}

/** A user in a list: the name first, if there is one, and the id that leads to the page. */
export function NamedUser({ clerkId, name }: { clerkId: string; name: string | null }) {
  return (
    <span className="person">
      {name !== null && <span>{name}</span>}
      <span className={name === null ? undefined : "small"}>
        <UserLink clerkId={clerkId} />
      </span>
    </span>
  );
}
