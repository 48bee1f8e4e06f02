import { expect, test } from "vitest";
import { joinStartupOptions } from "./pool.ts";

const ours = "-c search_path=bullmq,public";
const address = "postgres://u:p%40ss@db.example.com:5432/app";

/** The options and the other parameters, as the driver reads them. */
function readOptions(url: string) {
  const { options, ...others } = Object.fromEntries(new URL(url).searchParams);
  return { options, others };
}

test.each([
  { what: "no query", query: "", options: ours, others: {} },
  {
    what: "other parameters alone",
    query: "?sslmode=verify-full&sslrootcert=/a%20b/ca.pem",
    options: ours,
    others: { sslmode: "verify-full", sslrootcert: "/a b/ca.pem" },
  },
  {
    what: "a setting",
    query: "?options=-c%20timezone%3DUTC",
    options: `-c timezone=UTC ${ours}`,
    others: {},
  },
  {
    what: "Neon's endpoint between others",
    query: "?sslmode=require&options=endpoint%3Dep-x&application_name=app",
    options: `endpoint=ep-x ${ours}`,
    others: { sslmode: "require", application_name: "app" },
  },
  {
    what: "a search path, which ours follows and so replaces",
    query: "?options=-csearch_path=app,public",
    options: `-csearch_path=app,public ${ours}`,
    others: {},
  },
  { what: "a space as a plus", query: "?options=-c+a%3Db", options: `-c a=b ${ours}`, others: {} },
  {
    what: "two of them, of which the driver takes the last",
    query: "?options=-ca%3D1&options=-ca%3D2",
    options: `-ca=2 ${ours}`,
    others: {},
  },
])("startup options are joined to a URL with $what", ({ query, options, others }) => {
  const joined = joinStartupOptions(`${address}${query}`, ours);
  expect(readOptions(joined)).toEqual({ options, others });
  expect(joined.startsWith(address)).toBe(true);
});
