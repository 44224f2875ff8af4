import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { ROOT } from '../../../scripts/lib/process/root.ts';

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** Where screenshots are kept for people to look at. */
const SCREENSHOTS = join(ROOT, 'artifacts', 'page');

/** Debian's Chromium without whatever it does of its own accord over the network. */
export function launchChromium(): Promise<Browser> {
  const quiet = ['quic', 'background-networking', 'component-update', 'sync', 'gpu'];
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--no-first-run', ...quiet.map((feature) => `--disable-${feature}`)],
  });
}

/** A visitor: a browser profile of its own, one tab, and all that went wrong in it. */
export interface Visitor {
  page: Page;
  /** Sent as the user agent, by which the log of nginx tells visitors apart. */
  name: string;
  /** Console errors and warnings, uncaught exceptions, violations of the policy, requests to other origins. */
  trouble: string[];
}

/** Comes to the page at `origin` as somebody who was never here before, on a desktop unless told otherwise. */
export async function arrive(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const name = `visitor ${crypto.randomUUID()}`;
  const settings = {
    ...DESKTOP,
    baseURL: origin,
    reducedMotion: 'reduce',
    userAgent: name,
    ...options,
  } as const;
  const context = await browser.newContext(settings);
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  return { page, name, trouble: noteTrouble(page, origin) };
}

/** Gathers what goes wrong in a tab from now on. */
function noteTrouble(page: Page, origin: string): string[] {
  const trouble: string[] = [];
  page.on('pageerror', (error) => trouble.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (/error|warning/.test(message.type())) trouble.push(`${message.type()}: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.origin !== origin) trouble.push(`other origin: ${request.url()}`);
  });
  return trouble;
}

/** Waits until the live connection has the given state. */
export async function untilLive(page: Page, state: 'live' | 'waiting' | 'offline' = 'live'): Promise<void> {
  await page.locator(`.live[data-state=${state}]`).waitFor();
}

/** The symbols of the table, or of the cards that a phone shows instead, from top to bottom. */
export function symbolsOf(page: Page): Promise<string[]> {
  return page.locator('[data-gene] .symbol, .symbol[data-gene]').allTextContents();
}

/**
 * Keeps a picture of what is in the window. README_IMAGE=1 also renews the one in the README, of the table in light
 * colours.
 */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  if (process.env.README_IMAGE && name === 'genes-desktop-light') {
    const clip = { x: 0, y: 0, width: 1280, height: 720 };
    await page.screenshot({ path: join(ROOT, 'docs', 'images', 'genes.png'), clip });
  }
}

/** By how many pixels the page is wider than the window. */
export function overhangOf(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** What axe-core holds against the page as it is shown now: each finding with the elements it is about. */
export async function inspectAccessibility(page: Page): Promise<string[]> {
  // As an argument of the protocol, not as a script of the page: the policy stays in force.
  await page.evaluate(axe.source);
  const results = await page.evaluate<AxeResults>('axe.run({ resultTypes: ["violations"] })');
  return results.violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target.join(' ')).join(', ')})`,
  );
}
