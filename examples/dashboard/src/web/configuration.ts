import { z } from "zod";

const schema = z.object({
  rollcallUrl: z.url(),
  clerkUrl: z.url(),
  supportUrl: z.string().nullable(),
});

export type PageConfiguration = z.infer<typeof schema>;

/** Reads what the server wrote into the page. @throws when it was not our server that sent it */
export function readConfiguration(page: Document): PageConfiguration {
  return schema.parse(JSON.parse(page.getElementById("configuration")?.textContent || "null"));
}
