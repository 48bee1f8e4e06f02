import { useId } from "react";
import "./field.css";

type SelectProps<Value extends string> = {
  label: string;
  /** The label is read out and not shown. */
  isLabelHidden?: boolean;
  options: readonly { value: Value; text: string }[];
  value: Value;
  onChange: (value: Value) => void;
};

/** A choice of one among a few values: the browser's own, which phones show as a wheel and which costs no bytes. */
export function Select<Value extends string>({
  label,
  isLabelHidden,
  options,
  value,
  onChange,
}: SelectProps<Value>) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id} className={isLabelHidden ? "unseen" : undefined}>
        {label}
      </label>
      <select
        id={id}
        className="input"
        value={value}
        onChange={(event) => {
          const chosen = options.find((option) => option.value === event.target.value);
          if (chosen) onChange(chosen.value);
        }}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </div>
  );
}
