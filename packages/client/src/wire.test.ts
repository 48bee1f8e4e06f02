import type * as contracts from "@rollcall/contracts";
import { expectTypeOf, test } from "vitest";
import type { EnsurePending, EnsureReady, ErrorBody, Key, Mentorado, Session, User } from "./wire.ts";

test("the wire types equal the schemas of the api", () => {
  expectTypeOf<User>().toEqualTypeOf<contracts.EnsureReady["user"]>();
  expectTypeOf<User<Key>>().toEqualTypeOf<contracts.UserView>();
  expectTypeOf<Mentorado>().toEqualTypeOf<contracts.MentoradoView>();
  expectTypeOf<Session>().branded.toEqualTypeOf<Pick<contracts.EnsureReady, "user" | "mentorado">>();
  expectTypeOf<EnsureReady>().branded.toEqualTypeOf<contracts.EnsureReady>();
  expectTypeOf<EnsurePending>().toEqualTypeOf<contracts.EnsurePending>();
  expectTypeOf<ErrorBody>().toEqualTypeOf<contracts.ErrorBody>();
});
