import { Link } from "@tanstack/react-router";
import { useTexts } from "../language/language.tsx";
import { layoutTexts } from "./texts.ts";

export function NotFound() {
  const texts = useTexts(layoutTexts);
  return (
    <div className="stack">
      <h1>{texts.notFound}</h1>
      <p>
        <Link to="/">{texts.toOverview}</Link>
      </p>
    </div>
  );
}
