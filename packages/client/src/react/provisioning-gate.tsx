import { type ReactNode, type RefObject, useLayoutEffect, useRef } from "react";
import type { Key, Mentorado, Named } from "../wire.ts";
import {
  chooseTexts,
  DefaultError,
  DefaultLoading,
  DefaultWelcome,
  type ErrorSlotProps,
  type GateTexts,
  type WelcomeSlotProps,
} from "./default-slots.tsx";
import { useProvisioningContext } from "./provisioning-context.ts";
import { useUserProvisioning } from "./use-user-provisioning.ts";

export type HeadlessProvisioningGateProps<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
> = {
  /** Shown to a signed-in user with a profile. */
  children?: ReactNode;
  /** Shown while the profile is prepared. By default, `ProvisioningGate` says so to screen readers too. */
  loading?: ReactNode;
  /**
   * Shown when a call failed; by default a message with "try again". Give `role="alert"` to the part that screen readers
   * announce.
   */
  error?: ((props: ErrorSlotProps) => ReactNode) | undefined;
  /** Shown above the page for a new profile until dismissed; by default a greeting. Null for none. */
  welcome?: ((props: WelcomeSlotProps<K> & Named<P | null, N>) => ReactNode) | null | undefined;
  /** Shown while no user is signed in; by default nothing. */
  signedOut?: ReactNode;
};

export type ProvisioningGateProps<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
> = HeadlessProvisioningGateProps<P, K, N> & {
  /** Texts of the default slots, each instead of the one in the provider's language. */
  texts?: Partial<GateTexts> | undefined;
  /** The link for help in the default error. */
  supportUrl?: string | undefined;
};

/** Shows its children to a user with a profile. Otherwise it shows that the profile is being prepared, or the error. */
export function ProvisioningGate<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
>(props: ProvisioningGateProps<P, K, N>): ReactNode {
  const { children, loading, signedOut, supportUrl } = props;
  const { waits, slow, signedOut: isSignedOut, error, welcome, isOpen, locale } = useGateView<P, K, N>();
  const texts = chooseTexts(locale, props.texts);
  // The element is always in the page: a screen reader announces changes inside of it, but not its insertion.
  const announcer = useRef<HTMLDivElement>(null);
  const renderError = props.error ?? ((slot) => <DefaultError {...slot} texts={texts} />);
  const renderWelcome =
    props.welcome === undefined
      ? ({ dismiss }: WelcomeSlotProps<K>) => <DefaultWelcome dismiss={dismiss} texts={texts} />
      : props.welcome;
  return (
    <>
      <div role="status" ref={announcer} tabIndex={-1}>
        {waits && (loading ?? <DefaultLoading texts={texts} slow={slow} />)}
      </div>
      {isSignedOut && signedOut}
      {error && (
        <KeepFocus fallback={announcer}>
          <Slot render={renderError} props={{ ...error, supportUrl }} />
        </KeepFocus>
      )}
      {welcome && renderWelcome && (
        <KeepFocus fallback={announcer}>
          <Slot render={renderWelcome} props={welcome} />
        </KeepFocus>
      )}
      {isOpen && children}
    </>
  );
}

/** The gate without elements and slots of its own, for React Native and for apps whose slots do everything. */
export function HeadlessProvisioningGate<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
>(props: HeadlessProvisioningGateProps<P, K, N>): ReactNode {
  const { waits, signedOut, error, welcome, isOpen } = useGateView<P, K, N>();
  return (
    <>
      {waits && props.loading}
      {signedOut && props.signedOut}
      {error && props.error && <Slot render={props.error} props={{ ...error, supportUrl: undefined }} />}
      {welcome && props.welcome && <Slot render={props.welcome} props={welcome} />}
      {isOpen && props.children}
    </>
  );
}

/** What a gate shows now. */
function useGateView<P extends object, K extends Key, N extends string>() {
  const { locale, profile } = useProvisioningContext();
  const provisioning = useUserProvisioning<P, K, N>();
  const { isLoaded, userId, status, error, retry, dismissWelcome } = provisioning;
  const welcome: (WelcomeSlotProps<K> & Named<P | null, N>) | false = status === "provisioned" &&
    provisioning.welcome && {
      ...pickNamed<P, N>(provisioning, profile),
      ...{ user: provisioning.user, dismiss: dismissWelcome, locale },
    };
  return {
    locale,
    waits: !isLoaded || (userId !== null && status !== "provisioned" && error === null),
    slow: status === "provisioning" && provisioning.attempt > 1,
    signedOut: isLoaded && userId === null,
    error: error && { error, retry, retrying: status === "provisioning", locale },
    welcome,
    isOpen: status === "provisioned",
  };
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
