import { Button as AriaButton, type ButtonProps } from "react-aria-components";
import "./button.css";

/** primary: the one action that a page or dialog is for. danger: cannot be undone. plain: without a frame. */
export type ButtonLook = "primary" | "normal" | "danger" | "plain";

/** A button. While `isPending` it keeps the focus and does nothing. */
export function Button({
  look = "normal",
  ...props
}: Omit<ButtonProps, "className"> & { look?: ButtonLook }) {
  return <AriaButton {...props} className={`button ${look}`} />;
}
