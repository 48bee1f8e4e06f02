/** What one tab tells the others of the same user. */
export type News = "provisioned" | "welcomed";

/**
 * Joins the tabs in which the same user is signed in. News say that something happened and carry nothing of it:
 * who hears them looks for itself.
 */
export function openTabs(
  userId: string,
  onNews: (news: News) => void,
): { tell(news: News): void; close(): void } {
  // Old browsers go without: each tab then finds out by itself.
  if (typeof BroadcastChannel !== "function") return { tell: () => {}, close: () => {} };
  let open = true;
  const channel = new BroadcastChannel(`rollcall ${userId}`);
  channel.onmessage = ({ data }) => {
    if (data === "provisioned" || data === "welcomed") onNews(data);
  };
  return {
    // What comes after the end is nobody's news, and a closed channel throws.
    tell: (news) => open && channel.postMessage(news),
    close() {
      open = false;
      channel.close();
    },
  };
}
