import type { Mapping } from "@rollcall/contracts";

type KeyType = Mapping["users"]["key"]["type"];

/**
 * How schema `rollcall` holds keys of an app's table. Integers have columns of their own, which they have had from the
 * start. Keys of every other type are held as text, and so are their ids in events. A column of the other kind is null.
 */
export type StoredKey = {
  type: "integer" | "text";
  /** A key of the app's table in the type of the mapping: the column may have a domain of it, or varchar for text. */
  typed(key: string): string;
  /** A key of the app's table, or an array of them, as it is stored. */
  store(key: string): string;
  storeAll(keys: string): string;
  /** The same back in the type of the app's column, so that the index of the app's table is used. */
  read(stored: string): string;
  readAll(stored: string): string;
};

const same = (sql: string) => sql;
const integerKey: StoredKey = {
  type: "integer",
  typed: (key) => `${key}::integer`,
  store: same,
  storeAll: same,
  read: same,
  readAll: same,
};

export function describeStoredKey(type: KeyType): StoredKey {
  if (type === "integer") return integerKey;
  const isText = type === "text";
  return {
    type: "text",
    typed: (key) => `${key}::${type}`,
    store: (key) => `${key}::text`,
    storeAll: (keys) => `${keys}::text[]`,
    read: isText ? same : (stored) => `${stored}::${type}`,
    readAll: isText ? same : (stored) => `${stored}::${type}[]`,
  };
}

/** The columns of schema `rollcall` that hold keys of the two tables. */
export function nameStoredKeys(user: StoredKey, profile: StoredKey) {
  const isInteger = profile.type === "integer";
  return {
    /** Of `rollcall.conflicts`. */
    userId: user.type === "integer" ? "user_id" : "user_key",
    candidateIds: isInteger ? "candidate_ids" : "candidate_keys",
    profileId: isInteger ? "profile_id" : "profile_key",
    /** Of `rollcall.former_profiles`. */
    formerId: isInteger ? "mentorado_id" : "profile_key",
    /** Of `rollcall.purges`. */
    purgedIds: isInteger ? "also" : "also_keys",
  };
}
