import { type Simulator, SimulatorRefusal } from "@rollcall/client/simulator";
import { type ReactNode, useState } from "react";
import { useLanguage } from "../language/language.tsx";
import type { TextKey } from "../language/texts.ts";
import { PeopleList } from "./people-list.tsx";
import { SignUpForm } from "./sign-up-form.tsx";

/** Sign-up, or sign-in as an existing user. In an app with Clerk, Clerk's own components do this. */
export function SignInPage({ simulator }: { simulator: Simulator }): ReactNode {
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
      setProblem(error instanceof SimulatorRefusal ? "refused" : "clerkAway");
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
      <SignUpForm busy={busy} onSignUp={(person) => void attempt(() => simulator.signUp(person))} />
      <PeopleList simulator={simulator} onSignIn={(id) => void attempt(() => simulator.signIn(id))} />
    </main>
  );
}
