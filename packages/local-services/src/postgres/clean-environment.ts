/** Fixed, so that nothing depends on a PATH we would have to be given. */
export const TOOL_FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"];

/** No LANG, no PG* variables: a cluster must not depend on the shell it was started from. */
export const CLEAN_ENV = { PATH: TOOL_FOLDERS.join(":"), LC_ALL: "C" };
