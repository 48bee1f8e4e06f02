const firstNames = [
  ...["Ana", "Bruno", "Carla", "Diego", "Elisa", "Fábio", "Gabriela", "Heitor", "Inês", "João"],
  ...["Karina", "Lucas", "Marina", "Natália", "Otávio", "Paula", "Rafael", "Sofia", "Tiago", "Vitória"],
];
const lastNames = ["Silva", "Souza", "Costa", "Oliveira", "Pereira", "Lima", "Gomes", "Ribeiro", "Alves"];

export type DemoPerson = { firstName: string; lastName: string; email: string };

/** The n-th person who signs up by herself; a name comes back only after all pairs had their turn. */
export function inventPerson(n: number): DemoPerson {
  const firstName = firstNames[n % firstNames.length] ?? "Ana";
  const lastName = lastNames[(n * 4 + Math.floor(n / firstNames.length)) % lastNames.length] ?? "Silva";
  const address = `${firstName}.${lastName}.${n + 1}`.normalize("NFD").replace(/[^\w.]/g, "");
  return { firstName, lastName, email: `${address.toLowerCase()}@example.com` };
}
