import fc from "fast-check";
import { expect, test } from "vitest";
import { pickUser } from "./pick-user.ts";
import { clerkUser } from "./user.ts";

const text = fc.option(fc.string({ unit: "binary" }));
const timeMs = fc.integer({ min: 0, max: 8_640_000_000_000_000 });
const email = fc.record(
  {
    id: fc.string(),
    email_address: fc.string(),
    verification: fc.option(fc.record({ status: text, strategy: fc.string() }, { requiredKeys: [] })),
    linked_to: fc.constant([]),
  },
  { requiredKeys: ["id", "email_address"] },
);
const user = fc.record(
  {
    id: fc.stringMatching(/^user_[A-Za-z0-9_-]{1,128}$/),
    username: text,
    first_name: text,
    last_name: text,
    image_url: text,
    primary_email_address_id: text,
    email_addresses: fc.option(fc.array(email)),
    public_metadata: fc.option(fc.dictionary(fc.string(), fc.jsonValue())),
    banned: fc.option(fc.boolean()),
    created_at: timeMs,
    updated_at: timeMs,
    private_metadata: fc.jsonValue(),
  },
  { requiredKeys: ["id", "created_at", "updated_at"] },
);

/** Any JSON at any place of a user. */
const spoilt = fc
  .tuple(user, fc.jsonValue(), fc.nat())
  .map(([whole, value, at]) => spoil(JSON.parse(JSON.stringify(whole)), value, at));

function spoil(whole: unknown, value: unknown, at: number): unknown {
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const visit = (holder: unknown) => {
    if (typeof holder !== "object" || holder === null) return;
    for (const [key, inner] of Object.entries(holder)) {
      places.push({ holder: holder as Record<string, unknown>, key });
      visit(inner);
    }
  };
  visit(whole);
  const place = places[at % places.length];
  if (place) place.holder[place.key] = value;
  return whole;
}

test("an entry is picked exactly when the schema takes it, with the same fields", () => {
  fc.assert(
    fc.property(fc.oneof(user, spoilt, fc.jsonValue()), (given) => {
      // As it comes from Clerk: JSON knows neither undefined nor prototypes.
      const entry: unknown = JSON.parse(JSON.stringify(given));
      expect(pickUser(entry)).toEqual(clerkUser.safeParse(entry).data);
    }),
    { numRuns: 3_000 },
  );
});

test.each([-1, 0.5, 8_640_000_000_000_001, "1", null])("a time of %s is no time", (created_at) => {
  const entry = { id: "user_1", created_at, updated_at: 1 };
  expect(pickUser(entry)).toBeUndefined();
  expect(clerkUser.safeParse(entry).success).toBe(false);
});
