import { Webhook } from "svix";
import { webhookSecret } from "../stage/stage.ts";
import { encodeRequest } from "./http-load.ts";

export type DeliveryMint = {
  /** Signed deliveries of people whom no delivery named before, as requests to `path`. */
  mint(path: string, count: number): Buffer[];
};

/** @param user as Clerk's API shows one: a delivery holds the same */
export function createDeliveryMint(user: { readonly id: string }): DeliveryMint {
  const webhook = new Webhook(webhookSecret);
  const [before = "", after = ""] = JSON.stringify({
    data: { ...user, id: "@id" },
    event_attributes: { http_request: { client_ip: "127.0.0.1", user_agent: "Mozilla/5.0" } },
    instance_id: "ins_2bench",
    object: "event",
    timestamp: Date.now(),
    type: "user.created",
  }).split("@id");
  let minted = 0;
  return {
    mint: (path, count) =>
      Array.from({ length: count }, () => {
        minted += 1;
        const number = String(minted).padStart(10, "0");
        const id = `msg_2bench${number}`;
        const body = `${before}user_2bench${number}${after}`;
        const at = new Date();
        return encodeRequest(
          path,
          {
            "content-type": "application/json",
            accept: "*/*",
            "user-agent": "Svix-Webhooks/1.68.0",
            "svix-id": id,
            "svix-timestamp": String(Math.floor(at.getTime() / 1_000)),
            "svix-signature": webhook.sign(id, at, body),
          },
          body,
        );
      }),
  };
}
