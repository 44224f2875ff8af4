import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { chromosomes, evidenceClasses, GeneContent, inheritanceCodes } from '../../src/schemas/gene.ts';

const file = JSON.parse(readFileSync(new URL('../../data/genes.json', import.meta.url), 'utf8')) as {
  diseaseGroups: { slug: string }[];
  genes: GeneContent[];
};

describe('the curated genes', () => {
  it('are at least 150, sorted, each symbol and id once', () => {
    const symbols = file.genes.map(({ symbol }) => symbol);
    assert.ok(symbols.length >= 150);
    assert.deepEqual(symbols, [...new Set(symbols)].sort());
    const ids = file.genes.map(({ hgncId }) => hgncId);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('use each disease group, and no other', () => {
    const used = new Set(file.genes.map(({ diseaseGroup }) => diseaseGroup));
    assert.deepEqual([...used].sort(), file.diseaseGroups.map(({ slug }) => slug).sort());
  });

  it('keep to the rules that imports and edits keep to', () => {
    const validate = new Ajv({ strict: false, allErrors: true }).compile(GeneContent);
    for (const gene of file.genes)
      assert.ok(validate(gene), `${gene.symbol}: ${JSON.stringify(validate.errors)}`);
  });

  it('have no alias that is a symbol, or that is there twice', () => {
    const symbols = new Set(file.genes.map(({ symbol }) => symbol));
    const aliases = file.genes.flatMap((gene) => gene.aliases);
    assert.deepEqual(
      aliases.filter((alias) => symbols.has(alias)),
      [],
    );
    assert.deepEqual(
      aliases.filter((alias, index) => aliases.indexOf(alias) < index),
      [],
    );
  });

  it('have no OMIM id that means two diseases', () => {
    const names = new Map<string, string>();
    for (const { omimId, name } of file.genes.flatMap(({ diseases }) => diseases)) {
      if (omimId !== null) assert.equal(names.get(omimId) ?? name, name, omimId);
      if (omimId !== null) names.set(omimId, name);
    }
  });

  it('name the source of a class where the notes beside them do, and no date or link without one', () => {
    const graded = file.genes.filter(({ evidence }) => evidence !== null);
    const sourced = file.genes.filter(({ evidenceSource }) => evidenceSource !== null);
    assert.deepEqual([graded.length, sourced.length], [120, 71]);
    for (const gene of file.genes) {
      const source = [gene.evidenceSource, gene.evidenceDate, gene.evidenceUrl];
      assert.deepEqual(source, sourced.includes(gene) ? ['ClinGen', '2023-11', null] : [null, null, null]);
      assert.ok(gene.evidenceSource === null || gene.evidence !== null, gene.symbol);
    }
  });

  it('have ids, bands and codes of the documented form', () => {
    const codes = new Set<string>(inheritanceCodes);
    const classes = new Set<string | null>([...evidenceClasses, null]);
    const places = new Set<string>(chromosomes);
    for (const gene of file.genes) {
      assert.match(gene.symbol, /^[A-Z][A-Z0-9-]*[A-Z0-9]$/, gene.symbol);
      assert.ok(places.has(gene.chromosome) && classes.has(gene.evidence), gene.symbol);
      assert.match(gene.hgncId, /^HGNC:[1-9]\d*$/, gene.symbol);
      assert.match(
        gene.band,
        new RegExp(`^${gene.chromosome}[pq]\\d+(\\.\\d+)?(-[pq]\\d+(\\.\\d+)?)?$`),
        gene.symbol,
      );
      assert.ok(
        gene.inheritance.every((code) => codes.has(code)),
        gene.symbol,
      );
      assert.ok(gene.name.length > 0 && gene.diseases.length > 0, gene.symbol);
      for (const { name, omimId, orphaId } of gene.diseases) {
        assert.ok(name.length > 0);
        assert.match(omimId ?? 'OMIM:100000', /^OMIM:[1-6]\d{5}$/, gene.symbol);
        assert.match(orphaId ?? 'ORPHA:1', /^ORPHA:[1-9]\d*$/, gene.symbol);
      }
    }
  });

  it('are inherited as their diseases are, each disease listed once', () => {
    for (const { symbol, inheritance, diseases } of file.genes) {
      const ofDiseases = new Set(diseases.flatMap((disease) => disease.inheritance));
      assert.deepEqual([...inheritance].sort(), [...ofDiseases].sort(), symbol);
      const names = diseases.map(({ name, omimId }) => omimId ?? name);
      assert.equal(new Set(names).size, names.length, symbol);
    }
  });

  it('have an OMIM id for each disease, but for those that have no entry', () => {
    const without = file.genes.flatMap(({ symbol, diseases }) =>
      diseases.filter(({ omimId }) => omimId === null).map(() => symbol),
    );
    assert.deepEqual(without, ['ALG9', 'COL4A4', 'IFT140']);
  });
});
