import type { NewPerson } from "@rollcall/client/simulator";
import { type FormEvent, type ReactNode, useId } from "react";
import { useLanguage } from "../language/language.tsx";

type Props = { busy: boolean; onSignUp: (person: NewPerson) => void };

const fields = [
  { name: "firstName", type: "text", autoComplete: "given-name" },
  { name: "lastName", type: "text", autoComplete: "family-name" },
  { name: "email", type: "email", autoComplete: "email" },
] as const;

export function SignUpForm({ busy, onSignUp }: Props): ReactNode {
  const { text } = useLanguage();
  const titleId = useId();

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const filled = new FormData(event.currentTarget);
    const read = (name: string) => String(filled.get(name) ?? "").trim() || null;
    onSignUp({ firstName: read("firstName"), lastName: read("lastName"), email: read("email") });
  }

  return (
    <section className="panel" aria-labelledby={titleId}>
      <h2 id={titleId}>{text("signUpTitle")}</h2>
      <p className="soft">{text("signUpHint")}</p>
      <form onSubmit={submit}>
        {fields.map(({ name, type, autoComplete }) => (
          <label key={name}>
            <span>{text(name)}</span>
            <input name={name} type={type} autoComplete={autoComplete} maxLength={80} required />
          </label>
        ))}
        <button type="submit" className="primary" aria-disabled={busy}>
          {text("signUp")}
        </button>
      </form>
    </section>
  );
}
