import { useProfileShape } from "../../api/session.tsx";
import { useTexts } from "../../language/language.tsx";
import { alertSentences, type Sentences, sentencesWithoutProfiles } from "./alert-sentences.ts";

/** The sentences of an alert, by its name; undefined for one of a newer server. */
export function useAlertSentences(): (name: string) => Sentences[string] | undefined {
  const hasProfiles = useProfileShape() !== null;
  const sentences = useTexts(alertSentences);
  const withoutProfiles = useTexts(sentencesWithoutProfiles);
  return (name) => (hasProfiles ? undefined : withoutProfiles[name]) ?? sentences[name];
}
