import type * as contracts from "@rollcall/contracts";
import { expectTypeOf, test } from "vitest";
import type { RefusalCode } from "./rollcall-error.ts";
import type {
  EnsurePending,
  EnsureReady,
  ErrorBody,
  Key,
  Mentorado,
  Organization,
  Session,
  User,
} from "./wire.ts";

test("the wire types equal the schemas of the api", () => {
  expectTypeOf<User>().toEqualTypeOf<contracts.EnsureReady["user"]>();
  expectTypeOf<User<Key>>().toEqualTypeOf<contracts.UserView>();
  expectTypeOf<Mentorado>().toEqualTypeOf<contracts.MentoradoView>();
  expectTypeOf<Session>().branded.toEqualTypeOf<Pick<contracts.EnsureReady, "user" | "mentorado">>();
  expectTypeOf<EnsureReady>().branded.toEqualTypeOf<contracts.EnsureReady>();
  expectTypeOf<Organization>().toEqualTypeOf<contracts.OrganizationView>();
  expectTypeOf<RefusalCode>().toExtend<contracts.ErrorCode>();
  expectTypeOf<EnsurePending>().toEqualTypeOf<contracts.EnsurePending>();
  expectTypeOf<ErrorBody>().toEqualTypeOf<contracts.ErrorBody>();
});
