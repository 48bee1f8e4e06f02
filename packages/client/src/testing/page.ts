import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { until } from "./until.ts";

/** The page of a test, with the actions of a person. */
export type Page = {
  render(node: ReactNode): void;
  /** Waits until the page shows this text. */
  untilText(text: string): Promise<void>;
  text(): string;
  find(selector: string): HTMLElement | null;
  /** Presses the button with this text. */
  press(name: string): void;
  close(): void;
};

/** Opens an empty page. Import `dom.ts` before this module. */
export function openPage(): Page {
  const container = document.createElement("main");
  document.body.append(container);
  const root = createRoot(container);
  const text = () => container.textContent ?? "";
  return {
    render: (node) => root.render(node),
    untilText: async (wanted) => {
      await until(`the page to show ${wanted}`, () => (text().includes(wanted) ? true : undefined)).catch(
        (error: Error) => {
          throw new Error(`${error.message}; it shows ${text()}`);
        },
      );
    },
    text,
    find: (selector) => container.querySelector<HTMLElement>(selector),
    press(name) {
      const button = [...container.querySelectorAll("button")].find(
        ({ textContent }) => textContent === name,
      );
      if (!button) throw new Error(`There is no button ${name}; the page shows ${text()}`);
      button.focus();
      button.click();
    },
    close() {
      root.unmount();
      container.remove();
    },
  };
}
