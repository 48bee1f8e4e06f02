import { Empty } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { layoutTexts } from "../../layout/texts.ts";

export function ConflictsPage() {
  const texts = useTexts(layoutTexts);
  return (
    <Page title={texts.conflicts}>
      <Empty>…</Empty>
    </Page>
  );
}
