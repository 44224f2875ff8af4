import { describe, expect, it, vi } from 'vitest';
import { makeGene, makePage, stubApi } from './support/api.ts';
import { FakeSocket } from './support/fake-socket.ts';
import { openPage, wait } from './support/mount.ts';
import { answer, GENES, outage, serveEachTest, server } from './support/server.ts';

serveEachTest();

describe('the table', () => {
  it('shows genes with the names of their groups, and where they are', async () => {
    const { page } = await openPage('/genes');
    const rows = page.findAll('tbody tr').map((row) => row.findAll('th, td').map((cell) => cell.text()));
    expect(rows[0]).toEqual([
      'PKD1',
      'polycystin 1',
      'Cystic kidney disease',
      'ADAutosomal dominant',
      '16p13.3',
      'Definitive',
    ]);
    expect(rows[1]?.at(-1)).toBe('Not graded');
    expect(page.find('.summary').text()).toBe('1 to 2 of 60 genes');
    expect(document.title).toBe('Genes · Kidney Genetics Database');
  });

  it('opens a deep link as it was', async () => {
    const { page } = await openPage('/genes?q=pkd&group=cystic&sort=-name&page=2&columns=aliases');
    expect(server.api.asked(GENES)[0]).toBe('?q=pkd&group=cystic&sort=-name&page=2&pageSize=25');
    expect(page.find<HTMLInputElement>('input[type=search]').element.value).toBe('pkd');
    expect(page.findAll('thead th').map((cell) => cell.text())).toEqual(['Symbol', 'Aliases']);
    expect(page.find('.chips').text()).toContain('Cystic kidney disease');
  });

  it('searches once typing pauses, in place, from the first page on', async () => {
    const { page, router } = await openPage('/genes?page=3');
    const before = server.api.asked(GENES).length;
    for (const text of ['n', 'np', 'nphs']) await page.find('input[type=search]').setValue(text);
    await wait(300);
    expect(server.api.asked(GENES).slice(before)).toEqual(['?q=nphs&sort=relevance&page=1&pageSize=25']);
    expect(router.currentRoute.value.fullPath).toBe('/genes?q=nphs');
    expect(document.title).toContain('nphs');
    await page.find('input[type=search]').trigger('keydown', { key: 'Escape' });
    await wait(300);
    expect(router.currentRoute.value.fullPath).toBe('/genes');
  });

  it('filters from a menu that keyboard and screen reader can use', async () => {
    const { page, router } = await openPage('/genes');
    const button = page.findAll('.filters button').find((item) => item.text() === 'Inheritance');
    await button?.trigger('click');
    await wait(0);
    expect(button?.attributes('aria-expanded')).toBe('true');
    const option = page
      .findAll('.panel label')
      .find((label) => label.text().startsWith('Autosomal recessive'));
    expect(option?.find('.count').text()).toMatch(/^1/);
    await option?.find('input').trigger('change');
    await wait(0);
    expect(router.currentRoute.value.fullPath).toBe('/genes?inheritance=AR');
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
    await wait(0);
    expect(page.find('.panel').exists()).toBe(false);
    expect(document.activeElement).toBe(button?.element);
    await page.find('.chip').trigger('click');
    await wait(0);
    expect(router.currentRoute.value.fullPath).toBe('/genes');
  });

  it('sorts up, down, and back to its own order', async () => {
    const { page, router } = await openPage('/genes?q=a');
    const head = () => page.findAll('thead th').find((cell) => cell.text() === 'Name');
    const seen: unknown[] = [];
    for (let step = 0; step < 3; step += 1) {
      await head()?.find('button').trigger('click');
      await wait(0);
      seen.push([router.currentRoute.value.query.sort, head()?.attributes('aria-sort')]);
    }
    expect(seen).toEqual([
      ['name', 'ascending'],
      ['-name', 'descending'],
      [undefined, undefined],
    ]);
  });

  it('moves by arrow keys from the search through the rows', async () => {
    const { page } = await openPage('/genes');
    await page.find('input[type=search]').trigger('keydown', { key: 'ArrowDown' });
    const focus = () => document.activeElement?.textContent;
    expect(focus()).toBe('PKD1');
    await page.find('[data-gene]').trigger('keydown', { key: 'ArrowDown' });
    expect(focus()).toBe('NPHS2');
    await page.find('[data-gene]').trigger('keydown', { key: 'Home' });
    expect(focus()).toBe('PKD1');
  });

  it('remembers the columns', async () => {
    const { page, router } = await openPage('/genes');
    await page
      .findAll('.view-menus button')
      .find((item) => item.text() === 'Columns')
      ?.trigger('click');
    const name = page.findAll('.panel label').find((label) => label.text() === 'Name');
    await name?.find('input').trigger('change');
    await wait(0);
    expect(router.currentRoute.value.query.columns).toBe('group,inheritance,location,evidence');
    page.unmount();
    const again = await openPage('/genes');
    expect(again.page.findAll('thead th').map((cell) => cell.text())).not.toContain('Name');
  });

  it('links exports of what is selected', async () => {
    const { page } = await openPage('/genes?q=pkd&evidence=strong&page=2');
    await page
      .findAll('.view-menus button')
      .find((item) => item.text() === 'Export')
      ?.trigger('click');
    expect(page.findAll('.panel a').map((link) => link.attributes('href'))).toEqual(
      ['csv', 'tsv', 'json'].map((format) => `/api/v1/genes/export?q=pkd&evidence=strong&format=${format}`),
    );
  });

  it('goes to the last page when the link points past it', async () => {
    server.api = stubApi((url) =>
      url.pathname === GENES && url.searchParams.get('page') === '9'
        ? { body: makePage([], { total: 60, page: 9, pages: 3 }) }
        : answer(url),
    );
    const { router } = await openPage('/genes?page=9');
    await wait(0);
    expect(router.currentRoute.value.fullPath).toBe('/genes?page=3');
  });

  it('offers a way out when nothing matches', async () => {
    server.api = stubApi((url) =>
      url.pathname === GENES ? { body: makePage([], { total: 0 }) } : answer(url),
    );
    const { page, router } = await openPage('/genes?q=zzz&group=cystic');
    expect(page.find('.summary').text()).toBe('No gene matches');
    await page.find('.empty button').trigger('click');
    await wait(0);
    expect(router.currentRoute.value.fullPath).toBe('/genes');
  });
});

describe('errors', () => {
  it('are shown in the words of the server, with request id and a retry that works', async () => {
    server.broken = outage;
    const { page } = await openPage('/genes');
    const panel = page.find('[role=alert]');
    expect(panel.text()).toContain('Not ready: the database is down.');
    expect(panel.find('.request-id').text()).toBe('r-503');
    server.broken = null;
    await panel.find('.button.primary').trigger('click');
    await wait(0);
    expect(page.find('[role=alert]').exists()).toBe(false);
    expect(page.findAll('tbody tr')).toHaveLength(2);
  });

  it('leave what was loaded on the page', async () => {
    const { page } = await openPage('/genes');
    server.broken = outage;
    await page.find('input[type=search]').setValue('x');
    await wait(300);
    expect(page.find('[role=alert]').text()).toContain('What is shown below was loaded before');
    expect(page.findAll('tbody tr')).toHaveLength(2);
  });

  it('go away by themselves when the live connection comes back', async () => {
    server.broken = outage;
    const { page, socket } = await openPage('/genes');
    socket.drops(1012);
    server.broken = null;
    await wait(1_000);
    FakeSocket.last.greets(3);
    await wait(0);
    expect(page.find('[role=alert]').exists()).toBe(false);
  });
});

describe('live updates', () => {
  it('change a shown gene at once, mark it, say so, and load the page again soon', async () => {
    const { page, socket } = await openPage('/genes');
    socket.greets(8);
    await wait(0);
    const before = server.api.asked(GENES).length;
    const gene = makeGene({ name: 'polycystin one', seq: 9 });
    server.genes = [gene, ...server.genes.slice(1)];
    socket.says({ type: 'change', seq: 9, at: '', op: 'update', symbol: 'PKD1', gene });
    await wait(0);
    const row = () => page.find('tbody tr');
    expect(row().text()).toContain('polycystin one');
    expect(row().classes()).toContain('fresh');
    await wait(400);
    expect(server.api.asked(GENES)).toHaveLength(before + 1);
    expect(page.find('[aria-live=polite]').text()).toBe('Live update: PKD1 changed');
    await wait(5_000);
    expect(row().classes()).not.toContain('fresh');
  });

  it('do not go back to an older state', async () => {
    const { page, socket } = await openPage('/genes');
    socket.greets(8);
    const gene = makeGene({ name: 'ancient', seq: 2 });
    socket.says({ type: 'change', seq: 2, at: '', op: 'update', symbol: 'PKD1', gene });
    await wait(0);
    expect(page.find('tbody').text()).not.toContain('ancient');
  });

  it('by the hundred cost a reload every few seconds', async () => {
    const { socket } = await openPage('/genes');
    socket.greets(8);
    await wait(0);
    const before = server.api.asked(GENES).length;
    for (let seq = 9; seq < 309; seq += 1) {
      socket.says({
        type: 'change',
        seq,
        at: '',
        op: 'insert',
        symbol: `G${seq}`,
        gene: makeGene({ symbol: `G${seq}`, hgncId: `HGNC:${seq}`, seq }),
      });
      await vi.advanceTimersByTimeAsync(20);
    }
    await wait(3_000);
    expect(server.api.asked(GENES).length - before).toBeLessThanOrEqual(5);
  });

  it('say when the page is offline, and when it keeps failing to reconnect', async () => {
    const { page, socket } = await openPage('/genes');
    expect(page.find('.live').text()).toContain('Connecting');
    socket.greets(8);
    await wait(0);
    expect(page.find('.live').text()).toContain('Live');
    vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    window.dispatchEvent(new Event('offline'));
    await wait(0);
    expect(page.find('.live').text()).toContain('Offline');
    expect(page.find('.notice').text()).toContain('You are offline');
    vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(true);
    window.dispatchEvent(new Event('online'));
    FakeSocket.last.drops();
    await wait(1_000);
    FakeSocket.last.drops();
    await wait(0);
    expect(page.find('.notice').text()).toContain('Live updates are offline');
    expect(page.find('[aria-live]').text()).toContain('Live updates are offline');
  });

  it('keep the notice in its place from try to try, and say when they are back', async () => {
    const { page } = await openPage('/genes');
    const seen = new Set<string>();
    for (let tries = 0; tries < 4; tries += 1) {
      FakeSocket.last.drops();
      await wait(0);
      const retry = page.find<HTMLButtonElement>('.notice button');
      if (tries === 0) expect(retry.exists()).toBe(false);
      else {
        seen.add(page.find('.live').text());
        await retry.trigger('click');
        seen.add(page.find('.live').text());
        expect(page.find('.notice .next').text()).toBe('Trying…');
      }
      if (tries === 0) await wait(1_000);
    }
    expect([...seen]).toEqual(['Live updates: Offline']);
    FakeSocket.last.greets(8);
    await wait(0);
    expect(page.find('.notice').exists()).toBe(false);
    expect(page.find('[aria-live]').text()).toBe('Live updates are back');
  });

  it('offer to reload the page when the application was updated', async () => {
    const { page, socket } = await openPage('/genes');
    socket.greets(8, '1.0.0');
    await wait(0);
    expect(page.find('.notice').exists()).toBe(false);
    socket.drops(1012);
    await wait(1_000);
    FakeSocket.last.greets(8, '1.1.0');
    await wait(0);
    expect(page.find('.notice').text()).toContain('updated to version 1.1.0');
  });
});
