import { statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { describeConsole, logIn, operators } from "../harness/console.ts";

const picture = fileURLToPath(new URL("../../docs/console.png", import.meta.url));
/** The README's reader loads it with the page. */
const mostBytes = 200_000;

/** Invented people and their history: with 30 days of sign-ups, a release, three users without a profile, a conflict. */
const history = `
insert into public.users (clerk_id, email, name, clerk_created_at)
select 'user_picture' || n, 'person' || n || '@example.com', 'Person ' || n, now() - n * interval '30 minutes'
from generate_series(1, 1448) n;

insert into public.mentorados (user_id, nome_completo)
select id, name from public.users where clerk_id <> all (array['user_picture3', 'user_picture40', 'user_picture41']);

insert into rollcall.conflicts (user_id, reason, candidate_ids)
select id, 'several_candidates', array[1, 2] from public.users where clerk_id = 'user_picture7';

with quarters as (
  select at, greatest(0, round(6 + 5 * sin(extract(epoch from at) / 86400 * 2 * pi()) + 2 * sin(extract(epoch from at) / 7000))
    * (0.8 + 0.3 * sin(extract(doy from at) * 0.9) + 0.01 * extract(doy from at - interval '300 days')))::int as value
  from generate_series(date_trunc('day', now(), 'UTC') - interval '29 days', now(), interval '15 minutes') at
)
insert into rollcall.activity_counts (kind, at, value)
select kind, at, value from quarters, unnest(array['sign_ups', 'provisioned']) kind
on conflict do nothing;

insert into rollcall.activity_counts (kind, at, bucket, value)
select 'time_to_profile', at, bucket, 95 - 4 * (bucket - 30)
from generate_series(date_trunc('day', now(), 'UTC') - interval '29 days', now(), interval '1 day') at,
     generate_series(30, 38 + (extract(day from at)::int * 7 % 5)) bucket;

insert into rollcall.events (at, kind, cause, ref, details)
select now() - age, 'process_started', 'process', program, jsonb_build_object('program', program, 'version', version)
from (values (interval '20 days', 'api', '0.0.9'), (interval '20 days', 'worker', '0.0.9')) s (age, program, version);

insert into rollcall.samples (metric, at, labels, value)
select 'rollcall_webhooks_total', at, '{"outcome":"accepted","type":"user.created"}', round(180 + 90 * sin(extract(epoch from at) / 14000))
from generate_series(date_trunc('hour', now()) - interval '23 hours', now(), interval '1 hour') at
union all
select 'rollcall_queue_oldest_unfinished_seconds', at, '{"queue":"sync"}', 2 + sin(extract(epoch from at) / 2900) + 0.6 * sin(extract(epoch from at) / 1700)
from generate_series(date_trunc('hour', now()) - interval '23 hours', now(), interval '5 minutes') at
on conflict do nothing;
`;

describeConsole("the README's picture", {}, (its) => {
  beforeAll(async () => {
    await its.system.db.query(history);
  });

  // ROLLCALL_PICTURE=true makes the file anew.
  test("the overview shows the attention items and charts, and the picture stays below 200 kB", async () => {
    const page = await its.open("/admin/");
    await logIn(page, operators.admin);
    await page.getByRole("heading", { name: "Needs attention" }).waitFor();
    await page.getByRole("link", { name: "Open conflicts" }).waitFor();
    await page.locator(".chart canvas").nth(5).waitFor();
    // The heading has the focus, and its ring says nothing to the README's reader.
    await page.getByRole("heading", { level: 1 }).blur();
    const image = await page.screenshot();
    expect(image.byteLength).toBeLessThan(mostBytes);
    if (process.env["ROLLCALL_PICTURE"] === "true") await writeFile(picture, image);
    expect(statSync(picture).size).toBeLessThan(mostBytes);
  });
});
