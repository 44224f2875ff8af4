import { describe, expect, it, vi } from 'vitest';
import type { Gene } from '../src/api/types.ts';
import { groups, makeGene, statistics, stubApi } from './support/api.ts';
import { openPage, wait } from './support/mount.ts';
import { answer, outage, serveEachTest, server } from './support/server.ts';

serveEachTest();

describe('a gene', () => {
  it('is shown with its diseases and their ids', async () => {
    const { page } = await openPage('/genes/PKD1');
    expect(page.find('h1').text()).toBe('PKD1');
    expect(page.find('.facts').text()).toContain('Autosomal dominant');
    expect(page.find('.diseases').text()).toContain('Polycystic kidney disease 1');
    expect(page.find('a[href="https://omim.org/entry/173900"]').attributes('rel')).toContain('noopener');
    expect(document.title).toBe('PKD1 · Kidney Genetics Database');
  });

  it('shows who gave its evidence class, when, and where that can be read', async () => {
    const { page } = await openPage('/genes/PKD1');
    const link = page.find('.source a');
    expect(link.text()).toMatch(/^ClinGen, November 2023/);
    expect(link.attributes()).toMatchObject({
      href: 'https://search.clinicalgenome.org/kb/genes/HGNC:9008',
      rel: 'noopener noreferrer',
      target: '_blank',
    });
  });

  it.each<[string, Partial<Gene>, string | null]>([
    [
      'without a source',
      { evidenceSource: null, evidenceDate: null, evidenceUrl: null },
      'Source not recorded',
    ],
    ['with a day', { evidenceDate: '2024-02-29', evidenceUrl: null }, 'ClinGen, Feb 29, 2024'],
    ['with an address that runs a script', { evidenceUrl: 'javascript:alert(1)' }, 'ClinGen, November 2023'],
    ['without a class', { evidence: null }, null],
  ])('%s has a source without a link, or none', async (_, fields, text) => {
    server.genes = [makeGene(fields)];
    const { page } = await openPage('/genes/PKD1');
    expect(page.find('.source a').exists()).toBe(false);
    expect(page.find('.source').exists() ? page.find('.source').text() : null).toBe(text);
  });

  it('found by its HGNC id settles on its symbol', async () => {
    const { router } = await openPage('/genes/HGNC:9008');
    await wait(0);
    expect(router.currentRoute.value.fullPath).toBe('/genes/PKD1');
  });

  it('that is not there leads to a search', async () => {
    const { page } = await openPage('/genes/NOPE');
    expect(page.find('[role=alert]').text()).toContain('There is no gene “NOPE” here');
    expect(page.find('.missing a').attributes('href')).toBe('/genes?q=NOPE');
  });

  it('changes and goes while it is looked at', async () => {
    const { page, socket } = await openPage('/genes/PKD1');
    socket.greets(8);
    await wait(0);
    const gene = makeGene({ name: 'polycystin one', seq: 9 });
    server.genes = [gene];
    socket.says({ type: 'change', seq: 9, at: '', op: 'update', symbol: 'PKD1', gene });
    await wait(0);
    expect(page.find('.full-name').text()).toBe('polycystin one');
    socket.says({ type: 'change', seq: 10, at: '', op: 'delete', symbol: 'PKD1', gene: null });
    await wait(0);
    expect(page.find('[role=alert]').text()).toContain('has just been removed');
    expect(page.find('.full-name').exists()).toBe(true);
  });

  it('receives the focus on its heading when one comes from the table', async () => {
    const { page, router } = await openPage('/genes');
    await page.find('[data-gene]').trigger('click');
    await vi.dynamicImportSettled();
    await wait(0);
    expect(router.currentRoute.value.fullPath).toBe('/genes/PKD1');
    expect(document.activeElement).toBe(page.find('h1').element);
  });
});

describe('statistics', () => {
  it('draw what was counted, each part with a way to its genes', async () => {
    const { page } = await openPage('/statistics');
    expect(page.findAll('.figures dd').map((figure) => figure.text())).toEqual(['3', '4', '2', '2']);
    const [group] = page.findAll('.bar');
    expect(group?.text()).toContain('Cystic kidney disease');
    expect(group?.attributes('href')).toBe('/genes?group=cystic');
    const columns = page.findAll('svg a').map((link) => [link.attributes('href'), link.find('title').text()]);
    expect(columns).toEqual([
      ['/genes?chromosome=16', 'Chromosome 16: 2 genes'],
      ['/genes?chromosome=X', 'Chromosome X: 1 gene'],
    ]);
    // A class keeps its colour while the ones between are empty.
    expect(page.findAll('.donut path').map((path) => path.classes())).toEqual([['c1'], ['c4']]);
    expect(page.findAll('.donut .row').map((row) => row.find('.share').text())).toEqual(['67 %', '33 %']);
  });

  it('name a disease group that an import has just added', async () => {
    const { page, socket } = await openPage('/statistics');
    socket.greets(8);
    await wait(0);
    const more = { slug: 'rare-tumours', name: 'Tumours that are rare', description: '', genes: 4 };
    server.api = stubApi((url) => {
      if (url.pathname === '/api/v1/disease-groups') return { body: { items: [...groups, more] } };
      if (url.pathname !== '/api/v1/statistics') return answer(url);
      return { body: { ...statistics, byGroup: [...statistics.byGroup, { key: more.slug, count: 4 }] } };
    });
    socket.says({ type: 'resync', seq: 20 });
    await wait(5_000);
    expect(page.find('.bar').text()).toContain('Tumours that are rare');
    expect(server.api.asked('/api/v1/disease-groups')).toHaveLength(1);
  });

  it('can be read as tables', async () => {
    const { page } = await openPage('/statistics');
    const table = page.findAll('table').find((item) => item.find('caption').text() === 'By inheritance');
    expect(table?.findAll('tbody tr').map((row) => row.text())).toEqual([
      'Autosomal dominant2',
      'Autosomal recessive1',
    ]);
  });
});

describe('about', () => {
  it('tells sources, licence, contact, the state of the data and how to cite it', async () => {
    const { page } = await openPage('/about');
    const words = page.find('.words').text();
    for (const title of ['What this is', 'Sources', 'Licence', 'Contact and imprint'])
      expect(words).toContain(title);
    const facts = page.findAll('.side dl div').map((row) => row.text());
    expect(facts).toEqual([
      'Genes3',
      'Diseases4',
      'Version of the data9',
      'Date of the dataNov 20, 2026',
      'Version of the software1.2.3 (abc1234)',
      'Licence of the softwareMIT',
      'ClinGen, November 20232 genes',
      'Source not recorded1 gene',
    ]);
    expect(page.find('.citation').text()).toBe(
      `Kidney Genetics Database. Data version 9 of Nov 20, 2026, software version 1.2.3. ${window.location.origin}`,
    );
    expect(page.find('nav .here').text()).toBe('About');
  });

  it('shows its words when the API is away', async () => {
    server.broken = outage;
    const { page } = await openPage('/about');
    expect(page.find('.words').text()).toContain('ClinGen');
    expect(page.find('.citation').exists()).toBe(false);
    expect(page.find('[role=alert]').exists()).toBe(true);
  });
});

describe('the name of the site', () => {
  it('is what the operator set, on the page and in its title, and is remembered', async () => {
    server.siteName = 'Genes & <Kidneys>';
    const first = await openPage('/about');
    await wait(0);
    expect(first.page.find('.brand').text()).toBe('Genes & <Kidneys>');
    expect(document.title).toBe('About · Genes & <Kidneys>');
    server.broken = outage;
    const second = await openPage('/status');
    expect(second.page.find('.brand').text()).toBe('Genes & <Kidneys>');
  });

  it('is the built-in one until it is known, and when the API says none', async () => {
    server.siteName = ' ';
    const { page } = await openPage('/genes');
    await wait(0);
    expect(page.find('.brand').text()).toBe('Kidney Genetics Database');
  });
});

describe('status', () => {
  const rows = (page: Awaited<ReturnType<typeof openPage>>['page']) =>
    page.findAll('.row').map((row) => `${row.find('h3').text()}: ${row.find('.text').text()}`);

  it('tells versions, health and latency', async () => {
    const { page, socket } = await openPage('/status');
    socket.greets(12);
    await wait(0);
    expect(rows(page)).toEqual(['API: Working', 'Database: Working', 'Live updates: Connected']);
    const facts = page.find('.facts').text();
    for (const text of ['1.2.3', 'abc1234', '0.0.0-test', 'v1']) expect(facts).toContain(text);
    expect(page.find('.latency .now').text()).toMatch(/ms$/);
  });

  it('blames the database when the API is alive but not ready', async () => {
    server.api = stubApi((url) => (url.pathname === '/api/health' ? outage : answer(url)));
    const { page } = await openPage('/status');
    expect(rows(page).slice(0, 2)).toEqual(['API: Working', 'Database: Not working']);
    expect(page.text()).toContain('Not ready: the database is down.');
  });

  it('says nothing about the database when the API does not answer', async () => {
    server.broken = outage;
    const { page } = await openPage('/status');
    expect(rows(page).slice(0, 2)).toEqual(['API: Not working', 'Database: Not known']);
  });

  it('asks again every ten seconds', async () => {
    await openPage('/status');
    await wait(30_500);
    expect(server.api.asked('/api/health')).toHaveLength(4);
  });
});

describe('the shortcuts', () => {
  it('lead through the page, except while typing or when switched off', async () => {
    const { page, router } = await openPage('/genes');
    const press = async (key: string): Promise<void> => {
      (document.activeElement ?? document.body).dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }),
      );
      await vi.dynamicImportSettled();
      await wait(0);
    };
    await press('/');
    page.find<HTMLInputElement>('input[type=search]').element.focus();
    await press('s');
    expect(router.currentRoute.value.name).toBe('genes');
    (document.activeElement as HTMLElement).blur();
    await press('s');
    expect(router.currentRoute.value.name).toBe('statistics');
    await page.find('dialog input').trigger('change');
    await press('g');
    expect(router.currentRoute.value.name).toBe('statistics');
    expect(localStorage.getItem('kidney-genetics.shortcuts-off')).toBe('true');
  });
});
