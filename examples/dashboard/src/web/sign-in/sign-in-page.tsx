import { type ReactNode, useState } from "react";
import { useLanguage } from "../language/language.tsx";
import type { TextKey } from "../language/texts.ts";
import { type Clerk, ClerkRefusal } from "../session/clerk.ts";
import type { Sessions } from "../session/sessions.ts";
import { PeopleList } from "./people-list.tsx";
import { SignUpForm } from "./sign-up-form.tsx";

/** Sign-up, or sign-in as an existing user. In an app with Clerk, Clerk's own components do this. */
export function SignInPage({ clerk, sessions }: { clerk: Clerk; sessions: Sessions }): ReactNode {
  const { text } = useLanguage();
  const [problem, setProblem] = useState<TextKey>();
  const [busy, setBusy] = useState(false);

  async function attempt(signIn: () => Promise<void>): Promise<void> {
    // A second click during the first request would make a second account.
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await signIn();
    } catch (error) {
      setProblem(error instanceof ClerkRefusal ? "refused" : "clerkAway");
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <h1 className="unseen">{text("appName")}</h1>
      <div role="alert" className="problem">
        {problem && <p>{text(problem)}</p>}
      </div>
      <SignUpForm busy={busy} onSignUp={(person) => void attempt(() => sessions.signUp(person))} />
      <PeopleList clerk={clerk} onSignIn={(id) => void attempt(() => sessions.signIn(id))} />
    </main>
  );
}
