/** The user and the active organization that answers belong to. Without an organization it is the personal account. */
export type Owner = { userId: string | null; organizationId: string | null };

/**
 * Tells a cache who is signed in.
 *
 * @param owner without a user when no user is signed in
 * @param isOthers the cache belonged to another owner when it heard of one last
 */
export type TellOwner = (owner: Owner, isOthers: boolean) => void;

/** The caches of a page that may hold answers to a user. */
export type UserCaches = {
  /** Adds a cache, once for each key. It hears of the present owner now, and of each change. */
  remember(key: object, tell: TellOwner): void;
  /** Tells all caches. */
  follow(owner: Owner): void;
};

/** The owner of a cache. It outlives the provider, which an app may mount for signed-in users only. */
const owners = new WeakMap<object, string>();

export function createUserCaches(): UserCaches {
  const caches = new Map<object, TellOwner>();
  let present: Owner | undefined;
  return {
    remember(key, tell) {
      caches.set(key, tell);
      if (present) tellOne(key, tell, present);
    },
    follow(owner) {
      present = owner;
      for (const [key, tell] of caches) tellOne(key, tell, owner);
    },
  };
}

function tellOne(key: object, tell: TellOwner, owner: Owner): void {
  const before = owners.get(key);
  const name = `${owner.userId} ${owner.organizationId}`;
  if (owner.userId === null) owners.delete(key);
  else owners.set(key, name);
  tell(owner, before !== undefined && before !== name);
}
