import { useMutation, useQueryClient } from "@tanstack/react-query";

type Options<Answer> = {
  /** The parts of the console that the write changes. They are read again, also after a refusal: another operator may have been faster. */
  topics: readonly string[];
  onDone?: (answer: Answer) => void;
};

/** A write of the operator. It is sent once: a write without an answer may have been done, so the operator looks first. */
export function useWrite<Input, Answer>(
  write: (input: Input) => Promise<Answer>,
  { topics, onDone }: Options<Answer>,
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: write,
    onSuccess: (answer) => onDone?.(answer),
    onSettled: () => {
      void queries.invalidateQueries({
        predicate: ({ queryKey }) => topics.some((topic) => topic === queryKey[0]),
      });
    },
  });
}
