import { z } from "zod";

const schema = z.object({
  rollcallUrl: z.url(),
  simulatorUrl: z.url(),
  supportUrl: z.string().nullable(),
});

export type PageConfiguration = z.infer<typeof schema>;

/** Reads the configuration in the page. @throws when another server sent the page */
export function readConfiguration(page: Document): PageConfiguration {
  return schema.parse(JSON.parse(page.getElementById("configuration")?.textContent || "null"));
}
