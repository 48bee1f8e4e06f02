import type { DiscardAnswer, ReplayAnswer } from "@rollcall/contracts";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Label, Text, TextArea, TextField } from "react-aria-components";
import { ApiProblem, post } from "../../api/request.ts";
import { Button } from "../../design/button.tsx";
import { ConfirmDialog, Dialog } from "../../design/dialog.tsx";
import { Progress } from "../../design/progress.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { deadLettersTexts } from "./dead-letters-texts.ts";
import type { Letters, Outcome } from "./outcome.tsx";

type Props = {
  does: Outcome["does"];
  letters: Letters;
  onClose: () => void;
  onOutcome: (outcome: Outcome) => void;
};

const mostInOneCall = 500;
const shortestReason = 3;

/** Asks for the confirmation, then calls until nothing is left, and counts what really happened. */
export function LettersDialog({ does, letters, onClose, onOutcome }: Props) {
  const texts = useTexts(deadLettersTexts);
  const formats = useFormats();
  const queries = useQueryClient();
  const [reason, setReason] = useState("");
  const [done, setDone] = useState<number>();
  const [isStopping, setStopping] = useState(false);
  const mustStop = useRef(false);
  const count = letters.kind === "some" ? letters.letters.length : letters.count;
  const number = formats.number(count);
  const problem = readReasonProblem(reason);
  const isReady = does === "replay" || (reason.trim().length >= shortestReason && problem === undefined);

  async function run(): Promise<void> {
    const outcome: Outcome = { does, letters, done: 0, refused: [], end: "ended" };
    setDone(0);
    try {
      for (const selection of portion(letters)) {
        let more = true;
        while (more && !mustStop.current) {
          const answer = await send(does, selection, reason.trim());
          outcome.done += answer.done;
          outcome.refused.push(...answer.refused);
          // Without progress another call would do the same: the rest is refused.
          more = answer.more && answer.done > 0;
          setDone(outcome.done);
        }
        if (mustStop.current) outcome.end = "stopped";
      }
    } catch (error) {
      outcome.end = { error };
    }
    void queries.invalidateQueries({
      predicate: ({ queryKey: [topic] }) => topic === "dead-letters" || topic === "user" || topic === "audit",
    });
    onOutcome(outcome);
  }

  if (done !== undefined)
    return (
      <Dialog
        title={does === "replay" ? texts.replayTitle : texts.discardTitle}
        isOpen
        onClose={() => {}}
        isHeld
      >
        <p role="status">{isStopping ? texts.stopping : texts.working(formats.number(done))}</p>
        <Progress label={texts.title} done={done} total={count} />
        <div className="row end">
          <Button
            isDisabled={isStopping}
            onPress={() => {
              mustStop.current = true;
              setStopping(true);
            }}
          >
            {texts.stop}
          </Button>
        </div>
      </Dialog>
    );
  return (
    <ConfirmDialog
      title={does === "replay" ? texts.replayTitle : texts.discardTitle}
      isOpen
      onClose={onClose}
      action={does === "replay" ? texts.replayCount(count, number) : texts.discardCount(count, number)}
      look={does === "replay" ? "primary" : "danger"}
      isDisabled={!isReady}
      onConfirm={() => void run()}
    >
      <p>{does === "replay" ? texts.replaySays : texts.discardSays}</p>
      {letters.kind === "code" && (
        <p>
          {texts.code}: <code>{letters.code}</code>
        </p>
      )}
      {letters.kind !== "some" && <p>{texts.allNote}</p>}
      {does === "discard" && (
        <TextField
          className="field"
          value={reason}
          onChange={setReason}
          maxLength={200}
          isInvalid={problem !== undefined}
        >
          <Label>{texts.reason}</Label>
          <TextArea className="input" rows={2} />
          <Text slot="description" className={problem ? "field-error" : "soft small"}>
            {problem === "email"
              ? texts.reasonEmail
              : problem === "short"
                ? texts.reasonShort
                : texts.reasonHint}
          </Text>
        </TextField>
      )}
    </ConfirmDialog>
  );
}

/** The timeline keeps the reason, and holds no email. */
function readReasonProblem(reason: string): "email" | "short" | undefined {
  if (reason.includes("@")) return "email";
  const length = reason.trim().length;
  return length > 0 && length < shortestReason ? "short" : undefined;
}

type Selected = { ids: string[] } | { code: string } | { all: true };

/** One call takes at most 500 ids. Calls by code or for all say themselves whether there is more. */
function portion(letters: Letters): Selected[] {
  if (letters.kind === "code") return [{ code: letters.code }];
  if (letters.kind === "all") return [{ all: true }];
  const ids = letters.letters.map(({ id }) => id);
  const parts = Array.from({ length: Math.ceil(ids.length / mostInOneCall) }, (_, index) =>
    ids.slice(index * mostInOneCall, (index + 1) * mostInOneCall),
  );
  return parts.map((part) => ({ ids: part }));
}

type Sent = { done: number; refused: ReplayAnswer["refused"]; more: boolean };

async function send(does: Outcome["does"], selection: Selected, reason: string): Promise<Sent> {
  try {
    return await call(does, selection, reason);
  } catch (error) {
    const isRefusal = error instanceof ApiProblem && refusals.includes(error.code);
    if (!isRefusal || !("ids" in selection)) throw error;
    // None of these letters could be taken, which says nothing about the next ones.
    const { code, message } = error;
    return { done: 0, refused: selection.ids.map((id) => ({ id, code, message })), more: false };
  }
}

const refusals = ["dead_letter.unknown", "dead_letter.not_replayable"];

async function call(does: Outcome["does"], selection: Selected, reason: string): Promise<Sent> {
  if (does === "replay") {
    const { replayed, refused, more } = await post<ReplayAnswer>("/dead-letters/replay", selection);
    return { done: replayed, refused, more };
  }
  const {
    discarded,
    refused,
    more = false,
  } = await post<DiscardAnswer>("/dead-letters/discard", {
    ...selection,
    reason,
  });
  return { done: discarded, refused, more };
}
