import { Button } from "../design/button.tsx";
import { useTexts } from "../language/language.tsx";
import { layoutTexts } from "./texts.ts";

/** A page whose file is gone, because a newer version of the console was installed, or that failed while it was drawn. */
export function RouteFailure() {
  const texts = useTexts(layoutTexts);
  return (
    <div className="stack" role="alert">
      <p>{texts.routeFailure}</p>
      <p>
        <Button look="primary" onPress={() => location.reload()}>
          {texts.reload}
        </Button>
      </p>
    </div>
  );
}
