/** The services that the overview lists. */
export type Service = "postgres" | "queue" | "clerk" | "workers";

/** The id of a service's part of the overview: what an address names behind its #. */
export function serviceAnchor(service: Service): string {
  return `service-${service}`;
}
