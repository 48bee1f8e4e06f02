import { useUserProvisioning } from "@rollcall/client/react";
import { type ReactNode, useEffect, useState } from "react";
import { useLanguage } from "../language/language.tsx";
import { decideToast, type Toast } from "./decide-toast.ts";

/** Who is known comes in faster than this, and need not be told of any preparing. */
const worthTellingMs = 300;
const goodNewsForMs = 6_000;

/** Tells of the way to a profile, at the edge of the page. */
export function ProvisioningToast(): ReactNode {
  const { text } = useLanguage();
  const provisioning = useUserProvisioning();
  const toast = useTimely(decideToast(provisioning), provisioning.userId);
  const words = toast && text(toast.text);
  // The gate says aloud that it waits, and why it failed; the rest is said here.
  const aloud =
    toast?.text === "created" || toast?.text === "stillPreparing" || toast?.text === "tryingAgain";
  return (
    <div className="toasts">
      <p role="status" className="unseen">
        {aloud && words}
      </p>
      {toast && (
        <p className="toast" data-tone={toast.tone} aria-hidden="true">
          {words}
        </p>
      )}
    </div>
  );
}

/** Shows bad news at once and as long as they last, the first "preparing" only when it takes a while, good news for a while. */
function useTimely(toast: Toast | null, userId: string | null): Toast | null {
  const key = `${userId} ${toast?.text}`;
  const [reached, setReached] = useState({ key: "", moment: "begun" as "begun" | "over" });
  useEffect(() => {
    const timers = [
      setTimeout(() => setReached({ key, moment: "begun" }), worthTellingMs),
      setTimeout(() => setReached({ key, moment: "over" }), goodNewsForMs),
    ];
    return () => timers.forEach(clearTimeout);
  }, [key]);
  if (toast?.text === "preparing") return reached.key === key ? toast : null;
  if (toast?.text === "created") return reached.key === key && reached.moment === "over" ? null : toast;
  return toast;
}
