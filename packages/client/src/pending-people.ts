/** More than a browser ever has; on a server those who never came back must not add up. */
const most = 1_000;

/**
 * Remembers for whom an answer was "not yet". When the profile is there later, it was made for them meanwhile,
 * though that answer says it found one.
 */
export function rememberPending(): { add(person: string): void; take(person: string): boolean } {
  const people = new Set<string>();
  return {
    add(person) {
      people.add(person);
      const [oldest] = people;
      if (people.size > most && oldest !== undefined) people.delete(oldest);
    },
    take: (person) => people.delete(person),
  };
}
