/**
 * Tells a cache who is signed in.
 *
 * @param userId the signed-in user, or null
 * @param isOthers another user was signed in when the cache heard of a user last
 */
export type TellUser = (userId: string | null, isOthers: boolean) => void;

/** The caches of a page that may hold answers to a user. */
export type UserCaches = {
  /** Adds a cache, once for each key. It hears of the signed-in user now, and of each change of user. */
  remember(key: object, tell: TellUser): void;
  /** Tells all caches. */
  follow(userId: string | null): void;
};

/** The user whom a cache belongs to. It outlives the provider, which an app may mount for signed-in users only. */
const owners = new WeakMap<object, string>();

export function createUserCaches(): UserCaches {
  const caches = new Map<object, TellUser>();
  let signedIn: string | null | undefined;
  return {
    remember(key, tell) {
      caches.set(key, tell);
      if (signedIn !== undefined) tellOne(key, tell, signedIn);
    },
    follow(userId) {
      signedIn = userId;
      for (const [key, tell] of caches) tellOne(key, tell, userId);
    },
  };
}

function tellOne(key: object, tell: TellUser, userId: string | null): void {
  const owner = owners.get(key);
  if (userId === null) owners.delete(key);
  else owners.set(key, userId);
  tell(userId, owner !== undefined && owner !== userId);
}
