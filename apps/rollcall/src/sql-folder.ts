/** The folder of `migrations/` and `roles.sql`, as `@rollcall/db` has it. */
export const sqlFolder = new URL("../sql/", import.meta.url);
