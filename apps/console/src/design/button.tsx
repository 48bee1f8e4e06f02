import { Button as AriaButton, type ButtonProps } from "react-aria-components";
import "./button.css";

/** primary: the one action that a page or dialog is for. danger: cannot be undone. plain: without a frame. link: looks like one. */
export type ButtonLook = "primary" | "normal" | "danger" | "plain" | "link";

/**
 * A button. While `isPending` it keeps the focus and does nothing. React Aria's own pending state is not used: it announces
 * the button by its id, which is gone when the dialog around it closes at the end of the work.
 */
export function Button({
  look = "normal",
  isPending = false,
  onPress,
  ...props
}: Omit<ButtonProps, "className"> & { look?: ButtonLook }) {
  return (
    <AriaButton
      {...props}
      {...(isPending ? { "aria-disabled": true } : onPress && { onPress })}
      className={`button ${look}`}
    />
  );
}
