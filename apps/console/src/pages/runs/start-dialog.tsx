import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Label, Radio, RadioGroup } from "react-aria-components";
import { post } from "../../api/request.ts";
import { useWrite } from "../../api/write.ts";
import { ConfirmDialog } from "../../design/dialog.tsx";
import { Problem } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { runsTexts } from "./runs-texts.ts";

/** The one that writes nothing comes first. */
const choices = ["dry", "full", "catch-up"] as const;

type Chosen = (typeof choices)[number];

const requests = {
  full: { mode: "full", dryRun: false },
  "catch-up": { mode: "catch-up", dryRun: false },
  dry: { mode: "full", dryRun: true },
} as const;

/** Starts a run and leads to it. The server answers the run that is under way already, if there is one. */
export function StartDialog({ onClose }: { onClose: () => void }) {
  const texts = useTexts(runsTexts);
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<Chosen>("dry");
  const start = useWrite(() => post<{ runId: number }>("/reconcile", requests[chosen]), {
    topics: ["runs", "audit"],
    onDone: ({ runId }) => void navigate({ to: "/runs/$id", params: { id: String(runId) } }),
  });
  return (
    <ConfirmDialog
      title={texts.startTitle}
      isOpen
      onClose={onClose}
      action={texts.startAction[chosen]}
      isPending={start.isPending}
      onConfirm={() => start.mutate(undefined)}
    >
      <RadioGroup
        className="field"
        value={chosen}
        onChange={(value) => setChosen(choices.find((one) => one === value) ?? "dry")}
      >
        <Label>{texts.what}</Label>
        {choices.map((one) => (
          <Radio key={one} value={one} className="radio">
            <span className="dot" aria-hidden="true" />
            {texts.choices[one]}
          </Radio>
        ))}
      </RadioGroup>
      <p className="soft">{texts.startNote}</p>
      {start.error && <Problem error={start.error} />}
    </ConfirmDialog>
  );
}
