import { useMemo } from "react";
import { useLanguage } from "./language.tsx";

/** Numbers and times as the operator's language and time zone write them. */
export function useFormats() {
  const { language } = useLanguage();
  return useMemo(() => createFormats(language), [language]);
}

function createFormats(language: string) {
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
  const utcDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
  const hour = new Intl.DateTimeFormat(language, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  });
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
  const shortDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  return {
    number: (value: number) => number.format(value),
    /** A share between 0 and 1. */
    percent: (share: number) => `${number.format(share * 100)} %`,
    dateTime: (iso: string) => dateTime.format(new Date(iso)),
    date: (iso: string) => date.format(new Date(iso)),
    /** A day in UTC, such as `2026-11-30`. */
    day: (day: string) => utcDay.format(new Date(`${day}T00:00:00Z`)),
    hour: (iso: string) => hour.format(new Date(iso)),
    /** An hour on an axis: its day at midnight, else the time of day. */
    axisHour: (ms: number) => {
      const date = new Date(ms);
      return (date.getHours() === 0 && date.getMinutes() === 0 ? shortDay : clock).format(date);
    },
    /** The distance to now, in the largest unit that is at least one. */
    ago: (iso: string, nowMs = Date.now()) => {
      const seconds = (Date.parse(iso) - nowMs) / 1000;
      const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? (["second", 1] as const);
      return relative.format(Math.round(seconds / size), unit);
    },
    /** Milliseconds as a duration: `850 ms`, `12 s`, `4 min`, `3 h`. */
    duration: (ms: number) => {
      const [size, unit] = durations.find(([size]) => ms >= size) ?? ([1, "ms"] as const);
      return `${number.format(ms / size)} ${unit}`;
    },
  };
}

const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

const durations = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
] as const;
