import { expect, test } from "vitest";
import { readReturnPath } from "./return-path.ts";

const origin = "https://ops.example.com";

test.each([
  "/admin/queues",
  "/admin/queues/queue/sync?status=failed",
  "/admin/users/user_1",
  "/admin/x/../queues",
])("a login leads back to %s", (path) => {
  const { pathname, search } = new URL(path, origin);
  expect(readReturnPath(path, origin)).toBe(`${pathname}${search}`);
});

test.each([
  ...[
    "https://evil.example/admin/",
    "//evil.example/admin/",
    "/\\evil.example/admin/",
    "\\\\evil.example/admin/",
  ],
  ...[
    "/\t/evil.example/admin/",
    "javascript:alert(1)//admin/",
    "https://ops.example.com@evil.example/admin/",
  ],
  ...[
    "/api/admin/users/export",
    "/admin/../api/admin/status",
    "/admin/%2e%2e/healthz",
    "/administrator",
    "/admin/login",
  ],
  ...["admin/queues", "", undefined, 1, ["/admin/queues"]],
])("a login does not lead to %j", (wanted) => {
  expect(readReturnPath(wanted, origin)).toBe("/admin/");
});
