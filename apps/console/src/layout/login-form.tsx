import { type FormEvent, useState } from "react";
import { ApiProblem } from "../api/request.ts";
import { useSession } from "../api/session.tsx";
import { Button } from "../design/button.tsx";
import { Field } from "../design/field.tsx";
import { useProblemText } from "../design/states.tsx";
import { useTexts } from "../language/language.tsx";
import { loginTexts } from "./login-texts.ts";
import { useTitle } from "./use-title.ts";

/** @param isAgain the session ended while a page was open, so the form stands in a dialog */
export function LoginForm({ isAgain = false, name: knownName = "" }: { isAgain?: boolean; name?: string }) {
  const texts = useTexts(loginTexts);
  const { logIn } = useSession();
  const describe = useProblemText();
  const [name, setName] = useState(knownName);
  const [password, setPassword] = useState("");
  const [isPending, setPending] = useState(false);
  const [failure, setFailure] = useState<string>();
  useTitle(texts.title);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isPending) return;
    setPending(true);
    setFailure(undefined);
    try {
      await logIn(name, password);
    } catch (error) {
      setFailure(describeFailure(error));
      setPending(false);
    }
  };

  function describeFailure(error: unknown): string {
    if (!(error instanceof ApiProblem)) return describe(error);
    if (error.code === "request.rate_limited") return texts.slowed(error.retryAfterS ?? 1);
    if (error.status === 0) return texts.unreachable;
    return error.status === 401 ? texts.wrong : describe(error);
  }

  return (
    <form className="login stack" onSubmit={submit}>
      {isAgain ? <p>{texts.again}</p> : <h1>Rollcall</h1>}
      <Field
        label={texts.name}
        name="name"
        autoComplete="username"
        value={name}
        onChange={setName}
        isRequired
        autoFocus={knownName === ""}
      />
      <Field
        label={texts.password}
        name="password"
        type="password"
        autoComplete="current-password"
        value={password}
        onChange={setPassword}
        isRequired
        autoFocus={knownName !== ""}
      />
      {failure && (
        <p className="field-error" role="alert">
          {failure}
        </p>
      )}
      <Button type="submit" look="primary" isPending={isPending}>
        {texts.submit}
      </Button>
    </form>
  );
}
