import { Link } from "@tanstack/react-router";
import { UserLink } from "./user-link.tsx";
import "./person-link.css";

type Props = { clerkId: string | null; name?: string | null | undefined; email?: string | null | undefined };

/** A person by name, with the Clerk id below. Without a name or an email the id alone leads to the page of the user. */
export function PersonLink({ clerkId, name, email }: Props) {
  const shown = name || email;
  if (clerkId === null || !shown) return <UserLink clerkId={clerkId} />;
  return (
    <span className="person">
      <Link to="/users/$clerkId" params={{ clerkId }}>
        {shown}
      </Link>
      {name && email && <span className="small">{email}</span>}
      <span className="soft small code">{clerkId}</span>
    </span>
  );
}
