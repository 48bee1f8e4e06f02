/** The number of days left in the month, today included, in the browser's time zone. */
export function countDaysLeft(today: Date): number {
  const last = new Date(today.getFullYear(), today.getMonth() + 1, 0);
  return last.getDate() - today.getDate() + 1;
}
