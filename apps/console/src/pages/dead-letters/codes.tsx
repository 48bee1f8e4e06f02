import type { DeadLetterCount } from "@rollcall/contracts";
import type { ReactNode } from "react";
import { Choices } from "../../design/choices.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { deadLettersTexts } from "./dead-letters-texts.ts";

type Props = {
  counts: readonly DeadLetterCount[];
  code: string | undefined;
  onChange: (code: string | undefined) => void;
};

const all = "all";

/** The number of dead letters by code, the highest first. `other` names no one code, so it cannot be chosen. */
export function Codes({ counts, code, onChange }: Props) {
  const texts = useTexts(deadLettersTexts);
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const known = counts.filter((one) => one.code !== "other");
  // A code whose last letter is gone stays in view as long as it is chosen.
  const shown =
    code === undefined || known.some((one) => one.code === code) ? known : [...known, { code, count: 0 }];
  return (
    <Choices
      label={texts.codes}
      value={code ?? all}
      onChange={(next) => onChange(next === all ? undefined : next)}
      options={[
        { value: all, text: <Named name={texts.all} count={total} /> },
        ...shown.map((one) => ({
          value: one.code,
          text: <Named name={<code>{one.code}</code>} count={one.count} />,
        })),
      ]}
    />
  );
}

function Named({ name, count }: { name: ReactNode; count: number }) {
  const formats = useFormats();
  return (
    <>
      {name} <strong>{formats.number(count)}</strong>
    </>
  );
}
