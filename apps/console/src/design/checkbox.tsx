import { type ReactNode, useEffect, useRef } from "react";
import "./checkbox.css";

type Props = {
  isSelected: boolean;
  /** Some of what the checkbox stands for are selected. */
  isIndeterminate?: boolean;
  isDisabled?: boolean;
  onChange: (isSelected: boolean) => void;
  /** Needed without `children`. */
  "aria-label"?: string;
  children?: ReactNode;
};

/** The browser's own checkbox, with its text. */
export function Checkbox({
  isSelected,
  isIndeterminate = false,
  isDisabled = false,
  onChange,
  "aria-label": label,
  children,
}: Props) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // HTML has no attribute for it.
    if (input.current) input.current.indeterminate = isIndeterminate;
  }, [isIndeterminate]);
  return (
    <label className="checkbox">
      <input
        ref={input}
        type="checkbox"
        aria-label={label}
        checked={isSelected}
        disabled={isDisabled}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      {children}
    </label>
  );
}
