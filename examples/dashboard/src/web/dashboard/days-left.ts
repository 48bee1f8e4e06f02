/** How many days are left in the month, this one included, by the person's own calendar. */
export function countDaysLeft(today: Date): number {
  const last = new Date(today.getFullYear(), today.getMonth() + 1, 0);
  return last.getDate() - today.getDate() + 1;
}
