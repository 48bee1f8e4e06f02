import { useQueryClient } from "@tanstack/react-query";
import { useWrite } from "../../api/write.ts";
import { Button } from "../../design/button.tsx";
import { useMessages } from "../../design/messages.tsx";
import { useProblemText } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { eventTexts } from "../activity/event-texts.ts";
import { type Refreshable, type Report, refresh } from "./refresh.ts";
import { userTexts } from "./user-texts.ts";

/** Brings a user or an organization up to date, and says what that changed. */
export function RefreshButton<Of extends Report>(what: Refreshable<Of>) {
  const texts = useTexts(userTexts);
  const events = useTexts(eventTexts);
  const show = useMessages();
  const describe = useProblemText();
  const queries = useQueryClient();
  const work = useWrite(() => refresh(what), {
    topics: [what.of, "audit"],
    onDone: ({ result, kinds, report }) => {
      queries.setQueryData([what.of, what.id], report);
      const changes = kinds.map((kind) => events.kinds[kind] ?? kind).join(", ");
      const text = { same: texts.refreshedSame, failed: texts.refreshedFailed, late: texts.refreshedLate };
      show({
        kind: result === "failed" ? "bad" : "good",
        text: result === "changed" ? texts.refreshedChanged(changes) : text[result],
      });
    },
  });
  return (
    <Button
      isPending={work.isPending}
      onPress={() =>
        work.mutate(undefined, { onError: (error) => show({ kind: "bad", text: describe(error) }) })
      }
    >
      {work.isPending ? texts.refreshing : texts.refresh}
    </Button>
  );
}
