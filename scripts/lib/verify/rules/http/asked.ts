import { asked, type Finding } from '../../check.ts';
import type { Answer, Facts, HttpFacts, PAGES } from '../../facts.ts';

/** What sets right whatever nginx does wrong. */
export const NGINX = 'see deploy/nginx, then: make prod-update';

/** A rule on what the frontend answered. */
export const askedHttp = (facts: Facts, judge: (http: HttpFacts) => Finding) =>
  asked(facts, 'frontend', facts.http, judge);

/** All values of a header. */
export function valuesOf({ headers }: Answer, name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

export const PAGE_TITLES: Readonly<Record<(typeof PAGES)[number], string>> = {
  page: 'the page',
  asset: 'an asset',
  missing: 'a 404',
  method: 'a 405',
  api: 'an API answer',
  apiError: 'an API error',
  health: '/health',
};
