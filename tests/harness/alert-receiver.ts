import { once } from "node:events";
import { createServer } from "node:http";
import { type AlertNotification, alertNotification } from "@rollcall/contracts";

/** The server behind ALERT_WEBHOOK_URL. */
export type AlertReceiver = {
  url: string;
  /** The notifications that it accepted, in order. */
  notifications: AlertNotification[];
  /** All notifications that were sent to it, accepted or refused. */
  attempts: Pick<AlertNotification, "id" | "alert">[];
  /** Answers 500 from now on, or 200 again. */
  refuse(isRefusing: boolean): void;
  /** The types of the notifications about an alert, in order. */
  storyOf(alert: string): AlertNotification["type"][];
  close(): Promise<void>;
};

export async function startAlertReceiver(): Promise<AlertReceiver> {
  const notifications: AlertNotification[] = [];
  const attempts: AlertReceiver["attempts"] = [];
  let isRefusing = false;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const notification = alertNotification.parse(JSON.parse(Buffer.concat(chunks).toString()));
    attempts.push(notification);
    if (!isRefusing) notifications.push(notification);
    response.writeHead(isRefusing ? 500 : 200).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The receiver has no port");
  return {
    url: `http://127.0.0.1:${address.port}/alerts`,
    notifications,
    attempts,
    refuse: (refusing) => {
      isRefusing = refusing;
    },
    storyOf: (alert) =>
      notifications.filter((notification) => notification.alert === alert).map(({ type }) => type),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
