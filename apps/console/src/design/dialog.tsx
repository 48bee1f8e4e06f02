import type { KeyboardEvent, ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useTexts } from "../language/language.tsx";
import { Button } from "./button.tsx";
import { commonTexts } from "./texts.ts";
import "./dialog.css";

type DialogProps = {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
  /** A dialog that must not be closed by Escape or a click beside it. */
  isHeld?: boolean;
};

/** A dialog above the page. Focus stays in it, Escape closes it, and focus returns to where it was. */
export function Dialog({ title, isOpen, onClose, children, isHeld = false }: DialogProps) {
  return (
    <ModalOverlay
      className="overlay"
      isOpen={isOpen}
      isDismissable={!isHeld}
      isKeyboardDismissDisabled={isHeld}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
    >
      <Modal className="modal">
        <AriaDialog className="dialog stack">
          <Heading slot="title" className="dialog-title">
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

type ConfirmProps = Omit<DialogProps, "isHeld"> & {
  /** What the confirming button does, as a verb: "Discard 12". */
  action: string;
  /** What the other button does, where "Cancel" could mean both: "Let it run". */
  keep?: string;
  look?: "primary" | "danger";
  isPending?: boolean;
  isDisabled?: boolean;
  onConfirm: () => void;
};

/** Browsers submit a form when Enter is pressed on a radio or a checkbox, where it would confirm what was just chosen. */
function keepChoice(event: KeyboardEvent): void {
  const { target } = event;
  if (event.key === "Enter" && target instanceof HTMLInputElement && /^(radio|checkbox)$/.test(target.type))
    event.preventDefault();
}

/** A dialog that says what will happen and asks for a confirmation. */
export function ConfirmDialog({
  action,
  keep,
  look = "primary",
  isPending,
  isDisabled,
  onConfirm,
  children,
  ...dialog
}: ConfirmProps) {
  const texts = useTexts(commonTexts);
  return (
    <Dialog {...dialog}>
      <form
        className="stack"
        onKeyDownCapture={keepChoice}
        onSubmit={(event) => {
          event.preventDefault();
          if (!isPending && !isDisabled) onConfirm();
        }}
      >
        {children}
        <div className="row end">
          <Button onPress={dialog.onClose}>{keep ?? texts.cancel}</Button>
          <Button type="submit" look={look} isPending={isPending ?? false} isDisabled={isDisabled ?? false}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
