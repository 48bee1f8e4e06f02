import { type ReactNode, type RefObject, useLayoutEffect, useRef } from "react";
import type { Key, Mentorado, Named } from "../wire.ts";
import {
  DefaultError,
  DefaultLoading,
  DefaultWelcome,
  type ErrorSlotProps,
  type WelcomeSlotProps,
} from "./default-slots.tsx";
import { useProvisioningContext } from "./provisioning-context.ts";
import { useUserProvisioning } from "./use-user-provisioning.ts";

export type ProvisioningGateProps<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
> = {
  /** Shown to a signed-in user with a profile. */
  children?: ReactNode;
  /** Replaces the default "preparing your profile"; it is announced to screen readers. */
  loading?: ReactNode;
  /** Replaces the default message with "try again". Give `role="alert"` to the part that screen readers announce. */
  error?: ((props: ErrorSlotProps) => ReactNode) | undefined;
  /** Replaces the default greeting above the page; null for none. Shown for a new profile until dismissed in this browser. */
  welcome?: ((props: WelcomeSlotProps<K> & Named<P | null, N>) => ReactNode) | null | undefined;
  /** Shown while no user is signed in; by default nothing. */
  signedOut?: ReactNode;
  /** The link for help in the default error. */
  supportUrl?: string | undefined;
};

/** Shows its children to a user with a profile. Otherwise it shows that the profile is being prepared, or the error. */
export function ProvisioningGate<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
>(props: ProvisioningGateProps<P, K, N>): ReactNode {
  const {
    children,
    loading,
    error: renderError = DefaultError,
    welcome: renderWelcome = DefaultWelcome,
  } = props;
  const { locale, profile } = useProvisioningContext();
  const provisioning = useUserProvisioning<P, K, N>();
  const { isLoaded, userId, status, error, retry, dismissWelcome } = provisioning;
  // The element is always in the page: a screen reader announces changes inside of it, but not its insertion.
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
                  ...pickNamed<P, N>(provisioning, profile),
                  ...{ user: provisioning.user, dismiss: dismissWelcome, locale },
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

/** The profile under its name; nothing for an app without profiles. */
function pickNamed<P extends object, N extends string>(
  provisioning: object,
  profile: string | null,
): Named<P | null, N> {
  const values = provisioning as Record<string, unknown>;
  // The cast states that the provider's client has the name N.
  return (profile === null ? {} : { [profile]: values[profile] }) as Named<P | null, N>;
}

/**
 * A component around an app's function, so that the hooks of this function belong to this component. Hooks called in the
 * gate itself would come and go. As a component type, a function that is new in each render would remount each time.
 */
function Slot<Props>({ render, props }: { render: (props: Props) => ReactNode; props: Props }): ReactNode {
  return render(props);
}

type KeepFocusProps = { fallback: RefObject<HTMLElement | null>; children: ReactNode };

/** Moves the focus when its element is removed, so that a keyboard user does not land at the top of the page. */
function KeepFocus({ fallback, children }: KeepFocusProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { current } = box;
    // The cleanup runs before the elements leave the page, while one of them may still have the focus.
    return () => {
      if (current?.contains(document.activeElement)) fallback.current?.focus();
    };
  }, [fallback]);
  return <div ref={box}>{children}</div>;
}
