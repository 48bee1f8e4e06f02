import { once } from "node:events";
import { createServer } from "node:http";
import { type AlertNotice, alertNotice } from "@rollcall/contracts";

/** What listens at ALERT_WEBHOOK_URL. */
export type AlertReceiver = {
  url: string;
  /** What it took, in order. */
  notices: AlertNotice[];
  /** Ids of what it was sent, taken or not. */
  attempts: string[];
  /** Answers 500 from now on, or 200 again. */
  refuse(isRefusing: boolean): void;
  /** The types of the notices about an alert, in order. */
  storyOf(alert: string): AlertNotice["type"][];
  close(): Promise<void>;
};

export async function startAlertReceiver(): Promise<AlertReceiver> {
  const notices: AlertNotice[] = [];
  const attempts: string[] = [];
  let isRefusing = false;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const notice = alertNotice.parse(JSON.parse(Buffer.concat(chunks).toString()));
    attempts.push(notice.id);
    if (!isRefusing) notices.push(notice);
    response.writeHead(isRefusing ? 500 : 200).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The receiver has no port");
  return {
    url: `http://127.0.0.1:${address.port}/alerts`,
    notices,
    attempts,
    refuse: (refusing) => {
      isRefusing = refusing;
    },
    storyOf: (alert) => notices.filter((notice) => notice.alert === alert).map(({ type }) => type),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
