import { SubjectLink } from "./subject-link.tsx";
import "./person-link.css";

type Props = { clerkId: string | null; name?: string | null | undefined; email?: string | null | undefined };

/** A person or an organization by name, with the Clerk id below. Without a name or an email the id alone leads to the page. */
export function PersonLink({ clerkId, name, email }: Props) {
  const shown = name || email;
  if (clerkId === null || !shown) return <SubjectLink clerkId={clerkId} />;
  return (
    <span className="person">
      <SubjectLink clerkId={clerkId}>{shown}</SubjectLink>
      {name && email && <span className="small">{email}</span>}
      <span className="soft small code">{clerkId}</span>
    </span>
  );
}
