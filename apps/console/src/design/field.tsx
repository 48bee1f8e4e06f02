import { FieldError, Input, Label, Text, TextField, type TextFieldProps } from "react-aria-components";
import "./field.css";

type FieldProps = Omit<TextFieldProps, "className" | "children"> & {
  label: string;
  hint?: string | undefined;
  placeholder?: string | undefined;
  /** Ids of a datalist with suggestions. */
  list?: string | undefined;
};

/** A text field with its label, an optional hint, and the message of a failed check. */
export function Field({ label, hint, placeholder, list, ...props }: FieldProps) {
  return (
    <TextField {...props} className="field">
      <Label>{label}</Label>
      <Input className="input" {...(placeholder && { placeholder })} {...(list && { list })} />
      {hint && (
        <Text slot="description" className="soft small">
          {hint}
        </Text>
      )}
      <FieldError className="field-error" />
    </TextField>
  );
}
