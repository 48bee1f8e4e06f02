import { useUserProvisioning } from "@rollcall/client/react";
import { type ReactNode, useEffect, useState } from "react";
import { useLanguage } from "../language/language.tsx";
import { decideToast, type Toast } from "./decide-toast.ts";

/** A known user is ready sooner than this, and then no toast is shown. */
const showAfterMs = 300;
const goodNewsForMs = 6_000;

/** Shows the progress of provisioning at the edge of the page. */
export function ProvisioningToast(): ReactNode {
  const { text } = useLanguage();
  const provisioning = useUserProvisioning();
  const toast = useTimely(decideToast(provisioning), provisioning.userId);
  const words = toast && text(toast.text);
  // The gate announces the wait and a failure; this component announces the rest.
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

/** Shows a failure at once and while it lasts, the first "preparing" only after 300 ms, and good news for 6 s. */
function useTimely(toast: Toast | null, userId: string | null): Toast | null {
  const key = `${userId} ${toast?.text}`;
  const [reached, setReached] = useState({ key: "", moment: "begun" as "begun" | "over" });
  useEffect(() => {
    const timers = [
      setTimeout(() => setReached({ key, moment: "begun" }), showAfterMs),
      setTimeout(() => setReached({ key, moment: "over" }), goodNewsForMs),
    ];
    return () => timers.forEach(clearTimeout);
  }, [key]);
  if (toast?.text === "preparing") return reached.key === key ? toast : null;
  if (toast?.text === "created") return reached.key === key && reached.moment === "over" ? null : toast;
  return toast;
}
