import { useQueryClient } from "@tanstack/react-query";
import { reconnectNow, useLiveState } from "../api/live.ts";
import { retryNow } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { useTexts } from "../language/language.tsx";
import { layoutTexts } from "./texts.ts";

/** Says that the page is no longer up to date, and why. It goes by itself when the stream is back. */
export function ConnectionBanner() {
  const { state } = useLiveState();
  const queries = useQueryClient();
  const texts = useTexts(layoutTexts).connection;
  return (
    <div role="status">
      {(state === "lost" || state === "cut") && (
        <div className="banner row apart">
          <p>{texts[state]}</p>
          <Button
            onPress={() => {
              reconnectNow();
              void retryNow(queries);
            }}
          >
            {texts.retry}
          </Button>
        </div>
      )}
    </div>
  );
}
