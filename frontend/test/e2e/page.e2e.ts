import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { mustRun } from '../../../scripts/lib/process/shell.ts';
import { readEnvText } from '../../../scripts/lib/stack/env-text-rules.ts';
import { makeToken } from '../../../scripts/test/e2e/edits.ts';
import { TestStack, until } from '../../../scripts/test/e2e/harness.ts';
import {
  arrive,
  DESKTOP,
  inspectAccessibility,
  keepScreenshot,
  launchChromium,
  overhangOf,
  PHONE,
  symbolsOf,
  untilLive,
  type Visitor,
} from './browser.ts';

/** Every view of the page, and what is seen once it is complete. A missing gene is a 404 that Chromium reports by itself. */
const VIEWS = [
  { name: 'genes', path: '/genes', shows: '[data-gene]' },
  { name: 'search', path: '/genes?q=polycystic+kidney+disease', shows: '[data-gene]' },
  { name: 'filtered', path: '/genes?group=cystic&inheritance=AD', shows: '.chip' },
  { name: 'empty', path: '/genes?q=qqqqzzzz&chromosome=21', shows: '.empty' },
  { name: 'gene', path: '/genes/PKD1', shows: '.related' },
  { name: 'gene-missing', path: '/genes/NOPE', shows: '.missing', reports: /status of 404/ },
  { name: 'statistics', path: '/statistics', shows: '.column' },
  { name: 'about', path: '/about', shows: '.citation' },
  { name: 'status', path: '/status', shows: '.row.ok:has-text("Database")' },
  { name: 'not-found', path: '/no/such/page', shows: 'h1:has-text("Page not found")' },
  { name: 'api-reference', path: '/api/docs', shows: '#listGenes' },
] as const;

/** How Chromium reports an answer of an overloaded server. */
const TURNED_AWAY = /(?:status of|response code:) 50[34]/;

describe('the page in Chromium, through nginx', { timeout: 1_200_000 }, () => {
  let stack: TestStack;
  let browser: Browser;
  let origin: string;

  before(async () => {
    stack = await TestStack.create('page');
    origin = `http://127.0.0.1:${stack.settings.ports.frontend}`;
    [browser] = await Promise.all([launchChromium(), stack.mustScript('up', ['--test'])]);
    await untilServed();
  });
  after(async () => {
    await browser?.close();
    await stack?.dispose();
  });

  /** nginx takes a moment to find a backend that has just come. */
  const untilServed = () =>
    until('the API through nginx', 60_000, async () => (await fetch(`${origin}/api/health`)).ok);

  /**
   * Lets a visitor of its own do something; beside what is expected nothing may go wrong meanwhile. On a machine that is
   * busy with other things the server may turn a request away, which is what it should do: such a visit is made again.
   */
  async function visit(
    path: string,
    act: (page: Page, visitor: Visitor) => Promise<void>,
    options: BrowserContextOptions & { expected?: RegExp } = {},
    attempts = 5,
  ): Promise<void> {
    const { expected, ...settings } = options;
    const visitor = await arrive(browser, origin, settings);
    const unexpected = () => visitor.trouble.filter((text) => !expected?.test(text));
    try {
      await visitor.page.goto(path);
      await act(visitor.page, visitor);
      assert.deepEqual(unexpected(), []);
    } catch (error) {
      if (attempts === 1 || !unexpected().some((text) => TURNED_AWAY.test(text))) {
        throw new Error([`${visitor.page.url()} failed.`, ...visitor.trouble].join('\n'), { cause: error });
      }
    } finally {
      await visitor.page.context().close();
    }
    if (unexpected().length > 0) await visit(path, act, options, attempts - 1);
  }

  /** What the API itself says, without the page; asked again while it is too busy. */
  async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
    let response = new Response(null, { status: 503 });
    await until(`an answer for ${path}`, 30_000, async () => {
      response = await fetch(`${origin}/api${path}`, init);
      return response.status !== 503;
    });
    assert.equal(response.status, 200);
    return (await response.json()) as T;
  }
  const listGenes = (query: string) =>
    ask<{ total: number; items: { symbol: string }[] }>(`/v1/genes?${query}`);
  const countOf = async (query: string) => (await listGenes(query)).total;

  /** Waits until the page shows just the genes that the API gives for a query, in its order; they are returned. */
  async function untilShown(page: Page, query: string): Promise<string[]> {
    const wanted = (await listGenes(query)).items.map(({ symbol }) => symbol);
    await until(
      `the genes of ${query}`,
      20_000,
      async () => (await symbolsOf(page)).join() === wanted.join(),
    );
    return wanted;
  }

  /** Edits a gene as somebody elsewhere would: over the API, with a token. */
  async function editGene(symbol: string, fields: object): Promise<void> {
    const authorization = `Bearer ${signToken(stack.settings.envFile)}`;
    const headers = { authorization, 'content-type': 'application/json' };
    await ask(`/v1/genes/${symbol}`, { method: 'PATCH', headers, body: JSON.stringify(fields) });
  }

  const backend = (verb: 'kill' | 'start') => mustRun(['docker', verb, stack.name('backend')], 'see above');

  it('finds genes while one types, typing errors included', () =>
    visit('/', async (page) => {
      const search = page.getByRole('searchbox', { name: 'Search genes' });
      await search.fill('pkd2');
      await page.waitForURL('**/genes?q=pkd2');
      await until('PKD2 first', 20_000, async () => (await symbolsOf(page))[0] === 'PKD2');
      await search.fill('polycistic kidny');
      await until('PKD1 found', 20_000, async () => (await symbolsOf(page)).includes('PKD1'));
      await search.fill('qqqqzzzz');
      await page.getByRole('button', { name: 'Show all genes' }).click();
      await page.waitForURL('**/genes');
      await until('all genes', 20_000, async () => (await symbolsOf(page)).length === 25);
    }));

  it('filters, and the back button undoes one choice after the other', () =>
    visit('/genes', async (page) => {
      const [all, cystic, both] = await Promise.all(
        ['', 'group=cystic', 'group=cystic&inheritance=AR'].map(countOf),
      );
      assert.ok(all && cystic && both && all > cystic && cystic > both);
      const total = (count: number) =>
        page.locator('.summary', { hasText: new RegExp(`(^|of )${count} genes?$`) }).waitFor();
      const choose = async (menu: string, option: RegExp) => {
        await menuButton(page, menu).click();
        await page.getByRole('checkbox', { name: option }).check();
        await page.keyboard.press('Escape');
      };
      await choose('Disease group', /^Cystic/);
      await total(cystic);
      await choose('Inheritance', /^Autosomal recessive/);
      await total(both);
      assert.equal(new URL(page.url()).search, '?group=cystic&inheritance=AR');
      await page.reload();
      await total(both);
      await page.goBack();
      await total(cystic);
      assert.equal(new URL(page.url()).search, '?group=cystic');
      await page.goBack();
      await total(all);
      await page.goForward();
      await page.getByRole('button', { name: 'Remove filter: Cystic' }).click();
      await total(all);
    }));

  it('shows from a deep link what its sender saw, and comes back to it from a gene', () =>
    visit('/genes?sort=-symbol&page=2&columns=hgnc,name', async (page) => {
      const expected = await untilShown(page, 'sort=-symbol&page=2');
      assert.deepEqual(await page.locator('thead th').allInnerTexts(), ['Symbol', 'Name', 'HGNC id']);
      const [, second = ''] = expected;
      const { hgncId } = await ask<{ hgncId: string }>(`/v1/genes/${second}`);
      await page.getByRole('link', { name: second, exact: true }).click();
      await page.getByRole('heading', { level: 1, name: second }).waitFor();
      await page.getByText(hgncId, { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Back to the genes' }).click();
      await page.waitForURL('**/genes?sort=-symbol&page=2&columns=hgnc,name');
      assert.deepEqual(await symbolsOf(page), expected);
    }));

  it('can be used with the keyboard alone', () =>
    visit('/genes', async (page) => {
      await page.locator('[data-gene]').first().waitFor();
      const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
      await page.keyboard.press('Tab');
      assert.equal(await focused(), 'Skip to the content');
      await page.keyboard.press('/');
      await page.keyboard.type('nephronophthisis');
      await page.waitForURL('**/genes?q=nephronophthisis');
      const symbols = await untilShown(page, 'q=nephronophthisis');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      assert.equal(await focused(), symbols[1]);
      await page.keyboard.press('End');
      assert.equal(await focused(), symbols.at(-1));
      await page.keyboard.press('Home');
      await page.keyboard.press('Enter');
      await page.waitForURL(`**/genes/${symbols[0]}`);
      await until('the heading in focus', 20_000, async () => (await focused()) === symbols[0]);
      await page.locator('.outside').waitFor();
      await page.keyboard.press('Tab');
      assert.match(await focused(), /HGNC/);
      await page.keyboard.press('Shift+Tab');
      assert.equal(await focused(), 'Back to the genes');
      await page.keyboard.press('Enter');
      await page.waitForURL('**/genes?q=nephronophthisis');
      await menuButton(page, 'Evidence').focus();
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      await page.waitForURL('**&evidence=definitive');
      await page.keyboard.press('Escape');
      assert.match(await focused(), /^Evidence/);
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
      await page.keyboard.press('Escape');
      await page.keyboard.press('s');
      await page.waitForURL('**/statistics');
      await page.locator('a:has(.column)').first().focus();
      await page.keyboard.press('Enter');
      await page.waitForURL('**/genes?chromosome=1');
    }));

  it('keeps the chosen columns and theme of a browser, from before the first paint on', () =>
    visit('/genes', async (page) => {
      await page.getByRole('button', { name: 'Columns' }).click();
      await page.getByRole('checkbox', { name: 'Aliases' }).check();
      await page.getByRole('checkbox', { name: 'Location' }).uncheck();
      await page.getByRole('button', { name: /^Theme: as the system/ }).click();
      await page.getByRole('button', { name: /^Theme: light/ }).click();
      const later = await page.context().newPage();
      await later.goto('/genes', { waitUntil: 'commit' });
      await later.locator('[data-gene]').first().waitFor();
      const heads = ['Symbol', 'Name', 'Disease group', 'Inheritance', 'Evidence', 'Aliases'];
      assert.deepEqual(await later.locator('thead th').allInnerTexts(), heads);
      assert.equal(await later.evaluate(() => document.documentElement.dataset.theme), 'dark');
    }));

  it('follows the colour scheme of the system', () =>
    visit(
      '/genes',
      async (page) => {
        const brightness = () =>
          page.evaluate(() => {
            const [red = 0, green = 0, blue = 0] =
              getComputedStyle(document.body).backgroundColor.match(/\d+/g)?.map(Number) ?? [];
            return (red + green + blue) / 3;
          });
        assert.ok((await brightness()) < 50);
        await page.emulateMedia({ colorScheme: 'light' });
        assert.ok((await brightness()) > 200);
      },
      { colorScheme: 'dark' },
    ));

  it('shows in every open page, without a reload, what somebody adds, edits and removes elsewhere', () =>
    visit('/genes?q=QQZZ1', (table) =>
      visit(
        '/genes/QQZZ1',
        async (gene) => {
          await stack.sql(`delete from genes where symbol = 'QQZZ1'`);
          for (const page of [table, gene]) {
            await untilLive(page);
            await page.evaluate(() => Reflect.set(window, 'sameDocument', true));
          }
          await table.locator('.empty').waitFor();
          await gene.locator('.missing').waitFor();
          await stack.sql(`
          insert into genes (hgnc_id, symbol, name, chromosome, band, disease_group)
          select 'HGNC:999999999', 'QQZZ1', 'made for a test', '1', '1p36', slug from disease_groups limit 1`);
          const row = table.locator('tr', { has: table.getByRole('link', { name: 'QQZZ1', exact: true }) });
          await row.waitFor();
          await gene.locator('.full-name', { hasText: 'made for a test' }).waitFor();
          await editGene('QQZZ1', { name: 'renamed elsewhere', evidence: 'limited' });
          await row.getByText('renamed elsewhere').waitFor();
          await row.getByText('Limited').waitFor();
          await gene.locator('.full-name', { hasText: 'renamed elsewhere' }).waitFor();
          await keepScreenshot(table, 'live-update');
          await stack.sql(`delete from genes where symbol = 'QQZZ1'`);
          await table.locator('.empty').waitFor();
          await gene.getByText('has just been removed').waitFor();
          for (const page of [table, gene]) {
            assert.equal(await page.evaluate(() => Reflect.get(window, 'sameDocument')), true);
          }
        },
        { expected: /status of 404/ },
      ),
    ));

  it('says that it is offline while the backend is dead, and catches up when it is back', () =>
    visit(
      '/genes',
      async (page) => {
        await untilLive(page);
        const shown = await untilShown(page, '');
        const notice = page.locator('.notice', { hasText: 'Live updates are offline.' });
        const alert = page.getByRole('alert');
        await backend('kill');
        try {
          await notice.waitFor();
          await untilLive(page, 'waiting');
          assert.deepEqual(await symbolsOf(page), shown);
          await keepScreenshot(page, 'offline-backend');
          await page.getByRole('searchbox').fill('pkd2');
          const id = await alert.locator('.request-id').textContent();
          await alert.getByRole('button', { name: 'Retry' }).waitFor();
          await keepScreenshot(page, 'error-backend-away');
          await until('the request id in the log of nginx', 20_000, async () =>
            (await accessLog()).some(({ requestId, status }) => requestId === id && status === 503),
          );
          await stack.sql(`update genes set name = name || ', changed meanwhile' where symbol = 'PKD2'`);
        } finally {
          await backend('start');
          await untilServed();
        }
        await untilLive(page);
        const changed = page.locator('tr', { hasText: ', changed meanwhile' });
        await changed.waitFor();
        await Promise.all([alert, notice].map((message) => message.waitFor({ state: 'detached' })));
        await stack.sql(
          `update genes set name = replace(name, ', changed meanwhile', '') where symbol = 'PKD2'`,
        );
        await changed.waitFor({ state: 'detached' });
      },
      { expected: /status of 50[34]|WebSocket connection to .* failed/ },
    ));

  it('says that the device is offline, and keeps what it has', () =>
    visit('/genes', async (page) => {
      await untilLive(page);
      const shown = await untilShown(page, '');
      await page.context().setOffline(true);
      await page.locator('.notice', { hasText: 'You are offline.' }).waitFor();
      await untilLive(page, 'offline');
      await keepScreenshot(page, 'offline-device');
      assert.deepEqual(await symbolsOf(page), shown);
      await page.context().setOffline(false);
      await untilLive(page);
      await page.locator('.notice').waitFor({ state: 'detached' });
    }));

  it('shows an error of the API with its request id, and the genes after a retry', async () => {
    // Another gene for each attempt: what has once been answered may be remembered.
    const symbols = (await listGenes('')).items.map(({ symbol }) => symbol).values();
    const act = async (page: Page): Promise<void> => {
      const symbol = symbols.next().value ?? '';
      const alert = page.getByRole('alert');
      await untilLive(page);
      await stack.sql('alter table genes rename to genes_away');
      try {
        await page.getByRole('searchbox').fill(symbol);
        await alert.getByText('Status 500').waitFor();
        assert.match((await alert.locator('.request-id').textContent()) ?? '', /^[\w.-]{8,64}$/);
        await keepScreenshot(page, 'error-api');
        assert.deepEqual(await inspectAccessibility(page), []);
      } finally {
        await stack.sql('alter table genes_away rename to genes');
      }
      await alert.getByRole('button', { name: 'Retry' }).click();
      await alert.waitFor({ state: 'detached' });
      assert.equal((await symbolsOf(page))[0], symbol);
    };
    await visit('/genes', act, { expected: /status of 500/ });
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has no fault that axe finds, no console error and nothing from elsewhere in any view, ${colorScheme}`, async () => {
      for (const device of [DESKTOP, PHONE]) {
        const kind = device === PHONE ? 'phone' : 'desktop';
        for (const { name, path, shows, ...view } of VIEWS) {
          const look = async (page: Page): Promise<void> => {
            await page.locator(shows).first().waitFor();
            if (path !== '/api/docs') await untilLive(page);
            await keepScreenshot(page, `${name}-${kind}-${colorScheme}`);
            // Colours are the same on a phone, whose layout is inspected once.
            if (device === DESKTOP || colorScheme === 'dark') {
              assert.deepEqual(await inspectAccessibility(page), [], `axe: ${name}, ${kind}`);
            }
            assert.equal(await overhangOf(page), 0, `${name} is wider than the window, ${kind}`);
          };
          const expected = 'reports' in view ? { expected: view.reports } : {};
          await visit(path, look, { ...device, colorScheme, ...expected });
        }
      }
    });
  }

  it('fits the narrowest phone, and its menus are sheets that hold everything', async () => {
    const narrow = { ...PHONE, viewport: { width: 320, height: 568 }, expected: /status of 404/ };
    const everything = {
      path: '/genes?columns=name,group,diseases,inheritance,location,evidence,aliases,hgnc,updated',
      shows: '[data-gene]',
    };
    for (const { path, shows } of [...VIEWS, everything]) {
      const look = async (page: Page): Promise<void> => {
        await page.locator(shows).first().waitFor();
        assert.equal(await overhangOf(page), 0, path);
      };
      await visit(path, look, narrow);
    }
    for (const menu of ['Disease group', 'Columns', 'Export']) {
      const unfold = async (page: Page): Promise<void> => {
        await page.locator('[data-gene]').first().waitFor();
        await page.getByRole('button', { name: /^Filters/ }).click();
        await page.getByRole('button', { name: menu }).click();
        const { x = 0, y = 0, width = 0, height = 0 } = (await page.locator('.panel').boundingBox()) ?? {};
        assert.deepEqual([x, x + width, y + height], [0, 320, 568], menu);
        assert.deepEqual(await inspectAccessibility(page), [], `axe: ${menu}`);
        await keepScreenshot(page, `menu-${menu.toLowerCase().replace(' ', '-')}-phone`);
        await page.getByRole('button', { name: 'Done' }).click();
        await page.locator('.panel').waitFor({ state: 'detached' });
      };
      await visit('/genes', unfold, narrow);
    }
  });

  it('labels each chromosome of the statistics, none over another, on the narrowest phone and on a desktop', async () => {
    for (const width of [320, 390, 1280]) {
      const look = async (page: Page): Promise<void> => {
        await page.locator('.column').first().waitFor();
        const boxes = await page
          .locator('svg[role=group] .texts text:not(.value)')
          .evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect().toJSON() as DOMRect));
        assert.ok(boxes.length >= 23);
        for (const [index, box] of boxes.entries()) {
          for (const other of boxes.slice(index + 1)) {
            const apart = other.left - box.right >= 2 || other.top >= box.bottom || box.top >= other.bottom;
            assert.ok(apart, `label ${index + 1} runs into another at ${width} pixels`);
          }
        }
      };
      await visit('/statistics', look, { viewport: { width, height: 800 } });
    }
  });

  it('is called what the operator calls it', () =>
    visit('/about', async (page) => {
      const { PROJECT_NAME = '' } = readEnvText(readFileSync(stack.settings.envFile, 'utf8')).values;
      await page.locator('.brand', { hasText: PROJECT_NAME }).waitFor();
      await until('the title', 20_000, async () => (await page.title()) === `About · ${PROJECT_NAME}`);
    }));

  it('has a reference of the API that is styled, linked and complete under the policy', () =>
    visit('/api/docs', async (page) => {
      const font = await page.evaluate(() => getComputedStyle(document.documentElement).fontFamily);
      assert.match(font, /sans-serif/, 'without its style sheet it would be in serifs');
      const { paths } = await ask<{ paths: Record<string, Record<string, { operationId: string }>> }>(
        '/openapi.json',
      );
      for (const { operationId } of Object.values(paths).flatMap(Object.values)) {
        await page.locator(`nav a[href="#${operationId}"]`).click();
        assert.ok(await page.locator(`[id="${operationId}"]`).isVisible());
      }
      const policy = (await page.reload())?.headers()['content-security-policy'];
      assert.match(policy ?? '', /script-src 'self';/);
    }));

  it('loads at most 120 kB of JavaScript at first, and nothing again that the browser has', (test) =>
    visit('/', async (page, { name }) => {
      await page.locator('[data-gene]').first().waitFor();
      const first = await sentTo(name);
      const scripts = first.filter(({ path }) => path.endsWith('.js'));
      const bytes = scripts.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
      test.diagnostic(`${bytes} bytes of JavaScript at first load, as nginx sent it`);
      assert.ok(scripts.length >= 2 && bytes > 10_000 && bytes <= 120_000, `${bytes} bytes of JavaScript`);
      const later = await page.context().newPage();
      await later.goto('/');
      await later.locator('[data-gene]').first().waitFor();
      const files = (await sentTo(name))
        .slice(first.length)
        .filter(({ path }) => !/^\/(api|ws)\//.test(path));
      assert.deepEqual(
        files.map(({ path, status }) => [path, status]),
        [['/', 304]],
      );
    }));

  interface Sent {
    requestId: string;
    path: string;
    status: number;
    bytesSent: number;
    userAgent: string;
  }

  async function accessLog(): Promise<Sent[]> {
    const log = await mustRun(['docker', 'logs', stack.name('frontend')], 'see above');
    return log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Sent);
  }

  /** All that nginx has sent to a browser. Its log comes in batches: a request of our own marks the end. */
  async function sentTo(userAgent: string): Promise<Sent[]> {
    const mark = `/assets/${crypto.randomUUID()}`;
    await fetch(`${origin}${mark}`);
    let log: Sent[] = [];
    await until('the log of nginx', 20_000, async () => {
      log = await accessLog();
      return log.some(({ path }) => path === mark);
    });
    return log.filter((line) => line.userAgent === userAgent);
  }
});

/** The button of a filter; the table's heads have the same names. */
function menuButton(page: Page, name: string): Locator {
  return page.getByRole('group', { name: 'Filters' }).getByRole('button', { name });
}

/** A token with which genes may be edited, signed with the key of the stack. */
function signToken(envFile: string): string {
  return makeToken(readEnvText(readFileSync(envFile, 'utf8')).values.SECRET_KEY ?? '');
}
