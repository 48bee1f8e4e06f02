import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from "react";
import { useTexts } from "../language/language.tsx";
import { Button } from "./button.tsx";
import { commonTexts } from "./texts.ts";
import "./messages.css";

export type Message = { kind: "good" | "bad"; text: ReactNode };

type Shown = Message & { id: number };

const context = createContext<((message: Message) => void) | undefined>(undefined);

const goodForMs = 8_000;
const mostShown = 4;

/**
 * The results of actions. Screen readers hear each of them. A success goes by itself; a failure stays until the operator
 * closes it.
 */
export function MessagesProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const nextId = useRef(0);
  const texts = useTexts(commonTexts);
  const close = useCallback(
    (id: number) => setShown((all) => all.filter((message) => message.id !== id)),
    [],
  );
  const show = useCallback(
    (message: Message) => {
      const id = nextId.current++;
      setShown((all) => [...all, { ...message, id }].slice(-mostShown));
      if (message.kind === "good") setTimeout(() => close(id), goodForMs);
    },
    [close],
  );
  return (
    <context.Provider value={show}>
      {children}
      <section className="messages" aria-label={texts.messages} aria-live="polite">
        {shown.map(({ id, kind, text }) => (
          <div key={id} className={`message ${kind}`}>
            <p>{text}</p>
            <Button look="plain" onPress={() => close(id)} aria-label={texts.close}>
              ×
            </Button>
          </div>
        ))}
      </section>
    </context.Provider>
  );
}

/** Shows the result of an action. */
export function useMessages(): (message: Message) => void {
  const show = useContext(context);
  if (!show) throw new Error("useMessages needs a MessagesProvider");
  return show;
}
