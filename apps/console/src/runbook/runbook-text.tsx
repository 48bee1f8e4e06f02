/** A text of the runbook: what stands in backticks is code. */
export function RunbookText({ text }: { text: string }) {
  return text.split("`").map((part, index) =>
    // Every second part stood between backticks. The parts never change their order.
    // biome-ignore lint/suspicious/noArrayIndexKey: see above
    index % 2 === 1 ? <code key={index}>{part}</code> : part,
  );
}
