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
