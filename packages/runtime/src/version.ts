/** Replaced by the build with the version of the root package.json. */
declare const ROLLCALL_VERSION: string | undefined;

/** The version of the running build; `source` when the sources run without a build. */
export const version = typeof ROLLCALL_VERSION === "undefined" ? "source" : ROLLCALL_VERSION;
