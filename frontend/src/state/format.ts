const number = new Intl.NumberFormat('en');
const dateTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const date = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const utcDate = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });
const utcMonth = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

export const formatNumber = (value: number): string => number.format(value);

/** "1 gene", "2 genes". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

/** Date and time of an ISO 8601 text in the reader's time zone; the text itself if it is none. */
export function formatDateTime(iso: string): string {
  return formatWith(dateTime, iso);
}

/** Date of an ISO 8601 text in the reader's time zone; the text itself if it is none. */
export function formatDate(iso: string): string {
  return formatWith(date, iso);
}

/** "ClinGen, November 2023"; what is not known is said or left out. */
export function formatSource(source: string | null | undefined, day: string | null | undefined): string {
  const of = source || 'Source not recorded';
  return day ? `${of}, ${formatPartialDate(day)}` : of;
}

/** "2023", "November 2023" or "Nov 30, 2023", as exact as the text is; the text itself if it is no date. */
export function formatPartialDate(text: string): string {
  if (!/^\d{4}-\d\d(-\d\d)?$/.test(text)) return text;
  // The day of the source, wherever the reader is.
  return formatWith(text.length > 7 ? utcDate : utcMonth, text);
}

/**
 * "3 minutes ago", "in 5 seconds".
 * @param then epoch milliseconds
 * @param now epoch milliseconds
 */
export function formatRelative(then: number, now: number): string {
  const seconds = Math.round((then - now) / 1000);
  const [unit, size] = UNITS.find(([, unitSeconds]) => Math.abs(seconds) >= unitSeconds) ?? ['second', 1];
  return relative.format(Math.round(seconds / size), unit);
}

/** "0.4 ms", "38 ms", "1.2 s". */
export function formatMilliseconds(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A share in percent without decimals: "38 %"; "under 1 %" rather than a rounded zero. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return '0 %';
  const percent = (100 * part) / whole;
  return percent > 0 && percent < 1 ? 'under 1 %' : `${Math.round(percent)} %`;
}

function formatWith(format: Intl.DateTimeFormat, iso: string): string {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? iso : format.format(time);
}
