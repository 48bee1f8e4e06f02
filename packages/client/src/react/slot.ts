import type { ReactNode } from "react";

/**
 * A component around an app's function, so that the hooks which it may use are this component's: in the gate
 * itself they would come and go, and as a component of its own a function that is new in each render would begin anew.
 */
export function Slot<Props>({
  render,
  props,
}: {
  render: (props: Props) => ReactNode;
  props: Props;
}): ReactNode {
  return render(props);
}
