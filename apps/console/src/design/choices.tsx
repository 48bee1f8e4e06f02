import type { ReactNode } from "react";
import { ToggleButton, ToggleButtonGroup } from "react-aria-components";
import "./choices.css";

type ChoicesProps<Value extends string> = {
  /** Names the group for screen readers. */
  label: string;
  options: readonly { value: Value; text: ReactNode }[];
  value: Value;
  onChange: (value: Value) => void;
};

/** One of a few views of a list, all of them in sight. */
export function Choices<Value extends string>({ label, options, value, onChange }: ChoicesProps<Value>) {
  return (
    <ToggleButtonGroup
      aria-label={label}
      className="choices"
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[value]}
      onSelectionChange={([key]) => {
        const chosen = options.find((option) => option.value === key);
        if (chosen) onChange(chosen.value);
      }}
    >
      {options.map(({ value: one, text }) => (
        <ToggleButton key={one} id={one} className="button">
          {text}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}
