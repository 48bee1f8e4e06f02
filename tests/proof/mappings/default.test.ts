import { expect } from "vitest";
import { describeOnBackends } from "../../harness/backends.ts";
import type { MappedApp } from "./mapped-app.ts";
import { tellStory } from "./story.ts";

/** The default tables, which the app made before Rollcall came, without most columns. */
const app: MappedApp = {
  mapping: undefined,
  tables: `
create table users (
  id serial primary key, clerk_id varchar(64) not null unique, email varchar(320), name text, tier text not null default 'FREE',
  phone text, created_at timestamp not null default now(), updated_at timestamp not null default now()
);
create table mentorados (
  id serial primary key, user_id integer references users (id) on delete set null, nome_completo varchar(255) not null, email varchar(320),
  onboarding jsonb not null default '{}'
);
create table orders (id serial primary key, buyer integer not null references users (id) on delete restrict);
create table lessons (id serial primary key, mentorado integer not null references mentorados (id));
`,
  added: {
    "public.users": [
      ...["email_verified", "image_url", "role", "role_source", "banned"],
      ...["clerk_created_at", "clerk_updated_at", "read_ticket", "deleted_at"],
    ],
    "public.mentorados": [
      ...["foto_url", "turma", "ativo", "meta_faturamento", "meta_leads", "meta_procedimentos", "meta_posts"],
      ...["meta_stories", "linked_at", "created_at", "updated_at"],
    ],
  },
  users: {
    rows: `select clerk_id as "clerkId", id::text, email, email_verified as "emailVerified", tier, role, banned,
      deleted_at is not null as "isDeleted" from users`,
    insert: "insert into users (clerk_id, email, tier) values ($1, $2, 'GOLD')",
    refer: "insert into orders (buyer) select id from users where clerk_id = $1",
    tiers: { old: "GOLD", fresh: "FREE" },
    key: Number,
  },
  profile: {
    name: "mentorado",
    rows: `select u.clerk_id as "clerkId", m.id::text, m.nome_completo as name, m.email
      from mentorados m left join users u on u.id = m.user_id`,
    insert: `insert into mentorados (user_id, nome_completo, email) values ((select id from users where clerk_id = $1), $2, $3)
      returning id::text`,
    refer: "insert into lessons (mentorado) values ($1::text::integer)",
    remove: "delete from mentorados where id = $1::text::integer",
    key: Number,
    typed: Number,
    malformed: ["5", 0],
    nameKey: "nomeCompleto",
    example: {
      metadata: { turma: "estrutura" },
      columns: {
        nomeCompleto: "Ada Lovelace",
        email: "ada@example.com",
        fotoUrl: "https://img.example.com/ada",
        turma: "estrutura",
        ativo: "sim",
        metaFaturamento: 16_000,
        metaLeads: 50,
        metaProcedimentos: 10,
        metaPosts: 12,
        metaStories: 60,
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    },
  },
  schema: {
    format: "--drizzle",
    line: `    clerkId: text("clerk_id").notNull().unique("users_clerk_id_unique"),`,
  },
};

describeOnBackends((backend) => tellStory(backend, app));
