import { type ReactNode, useRef } from "react";
import type { Mentorado } from "../wire.ts";
import {
  DefaultError,
  DefaultLoading,
  DefaultWelcome,
  type ErrorSlotProps,
  type WelcomeSlotProps,
} from "./default-slots.tsx";
import { KeepFocus } from "./keep-focus.tsx";
import { useProvisioningContext } from "./provisioning-context.ts";
import { Slot } from "./slot.ts";
import { useUserProvisioning } from "./use-user-provisioning.ts";

export type ProvisioningGateProps = {
  /** What the signed-in user sees once the profile is there. */
  children?: ReactNode;
  /** Instead of the default "preparing your profile"; it is announced to screen readers. */
  loading?: ReactNode;
  /** Instead of the default message with "try again"; what of it screen readers should announce has `role="alert"`. */
  error?: ((props: ErrorSlotProps) => ReactNode) | undefined;
  /** Instead of the default greeting above the page; null for none. Only for a profile made just now, until dismissed in this browser. */
  welcome?: ((props: WelcomeSlotProps & { mentorado: Mentorado | null }) => ReactNode) | null | undefined;
  /** What who is not signed in sees; by default nothing. */
  signedOut?: ReactNode;
  /** Where the default error sends people who need help. */
  supportUrl?: string | undefined;
};

/** Shows its children to whoever has a profile, and to everybody else why they wait. */
export function ProvisioningGate(props: ProvisioningGateProps): ReactNode {
  const {
    children,
    loading,
    error: renderError = DefaultError,
    welcome: renderWelcome = DefaultWelcome,
  } = props;
  const { locale } = useProvisioningContext();
  const provisioning = useUserProvisioning();
  const { isLoaded, userId, status, error, retry, dismissWelcome } = provisioning;
  // Always in the page: a screen reader tells what changes in it, not that it came.
  const announcer = useRef<HTMLDivElement>(null);
  const waits = !isLoaded || (userId !== null && status !== "provisioned" && error === null);
  const slow = status === "provisioning" && provisioning.attempt > 1;
  return (
    <>
      <div role="status" ref={announcer} tabIndex={-1}>
        {waits && (loading ?? <DefaultLoading locale={locale} slow={slow} />)}
      </div>
      {isLoaded && userId === null && props.signedOut}
      {error && (
        <KeepFocus fallback={announcer}>
          <Slot
            render={renderError}
            props={{
              ...{ error, retry, retrying: status === "provisioning" },
              ...{ supportUrl: props.supportUrl, locale },
            }}
          />
        </KeepFocus>
      )}
      {status === "provisioned" && (
        <>
          {provisioning.welcome && renderWelcome && (
            <KeepFocus fallback={announcer}>
              <Slot
                render={renderWelcome}
                props={{
                  user: provisioning.user,
                  mentorado: provisioning.mentorado,
                  dismiss: dismissWelcome,
                  locale,
                }}
              />
            </KeepFocus>
          )}
          {children}
        </>
      )}
    </>
  );
}
