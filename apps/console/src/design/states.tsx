import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { retryNow } from "../api/queries.ts";
import { ApiProblem } from "../api/request.ts";
import { useTexts } from "../language/language.tsx";
import { Button } from "./button.tsx";
import { commonTexts } from "./texts.ts";
import "./states.css";

/** What happened and what to do, in one or two sentences. */
export function useProblemText(): (error: unknown) => string {
  const texts = useTexts(commonTexts);
  return (error) => {
    if (!(error instanceof ApiProblem)) return texts.failed("internal");
    if (error.status === 0) return error.isWrite ? texts.noAnswerToWrite : texts.noAnswer;
    if (error.status === 401) return texts.unauthenticated;
    if (error.code === "admin.forbidden") return texts.forbidden;
    if (error.status === 503)
      return `${error.message} ${error.isWrite ? texts.unavailableToWrite : texts.unavailable}`.trim();
    return error.message === "" ? texts.failed(error.code) : error.message;
  };
}

/** A failure, with its code for the runbook and a button that tries again. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  const texts = useTexts(commonTexts);
  const describe = useProblemText();
  return (
    <div className="problem" role="alert">
      <p>{describe(error)}</p>
      <p className="small">
        {error instanceof ApiProblem && <code>{error.code}</code>}{" "}
        {error instanceof ApiProblem && error.requestId && texts.reference(error.requestId)}
      </p>
      {onRetry && <Button onPress={onRetry}>{texts.retry}</Button>}
    </div>
  );
}

export function Loading() {
  const texts = useTexts(commonTexts);
  return (
    <p className="loading soft" role="status">
      {texts.loading}
    </p>
  );
}

/** A list without items: says so, and what an operator could do instead. */
export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty soft">{children}</p>;
}

type AnswerState<Answer> = {
  data: Answer | undefined;
  error: Error | null;
  failureReason: Error | null;
};

/**
 * Shows the answer of a query, or its loading or failure. While the api is away the last answer stays, below a sentence
 * that says so.
 */
export function Answered<Answer>({
  of,
  children,
}: {
  of: AnswerState<Answer>;
  children: (answer: Answer) => ReactNode;
}) {
  const texts = useTexts(commonTexts);
  const queries = useQueryClient();
  const failure = of.error ?? of.failureReason;
  // The banner above the page reports a lost connection already.
  const isInBanner = of.data !== undefined && failure instanceof ApiProblem && failure.status === 0;
  return (
    <>
      {failure && !isInBanner && <Problem error={failure} onRetry={() => void retryNow(queries)} />}
      {failure && of.data !== undefined && <p className="soft small">{texts.olderShown}</p>}
      {of.data === undefined ? !failure && <Loading /> : children(of.data)}
    </>
  );
}
