import type { ErrorSlotProps } from "@rollcall/client/react";
import type { ReactNode } from "react";
import { useLanguage } from "../language/language.tsx";

type Props = Pick<ErrorSlotProps, "error" | "retry" | "retrying" | "supportUrl">;

export function ProvisioningError({ error, retry, retrying, supportUrl }: Props): ReactNode {
  const { text } = useLanguage();
  return (
    <div className="panel trouble">
      {/* The button is outside, because its text changes and a screen reader repeats an alert after any change. */}
      <div role="alert">
        <h1>{text("failedTitle")}</h1>
        <p>{error.message}</p>
      </div>
      {error.retryable && <p className="soft">{text("byItself")}</p>}
      <div className="actions">
        <button type="button" className="primary" onClick={retry} aria-disabled={retrying}>
          {text(retrying ? "tryingAgain" : "tryAgain")}
        </button>
        {supportUrl && <a href={supportUrl}>{text("support")}</a>}
      </div>
    </div>
  );
}
