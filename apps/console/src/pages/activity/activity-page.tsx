import { Empty } from "../../design/states.tsx";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { layoutTexts } from "../../layout/texts.ts";

export function ActivityPage() {
  const texts = useTexts(layoutTexts);
  return (
    <Page title={texts.activity}>
      <Empty>…</Empty>
    </Page>
  );
}
