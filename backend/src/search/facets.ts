import type { Static } from 'typebox';
import type { Selection } from '../genes/selection.ts';
import type { Statistics } from '../schemas/answers.ts';
import type { Gene } from '../schemas/gene.ts';
import { chromosomes, evidenceClasses, inheritanceCodes } from '../schemas/gene.ts';

/** What the index knows of a gene besides its words. */
export type FacetedGene = Pick<
  Gene,
  'chromosome' | 'inheritance' | 'diseaseGroup' | 'evidence' | 'evidenceSource' | 'evidenceDate' | 'diseases'
>;

/** What the API tells of all genes, but for when they changed last. */
export type Overview = Omit<Static<typeof Statistics>, 'updatedAt'>;
export type Count = Overview['byGroup'][number];

const maxSources = 50;
const evidences: readonly (string | null)[] = [...evidenceClasses, null];

/** Texts that occur again and again, each under a number. */
class Numbers {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}

/** Filters, sort keys and counts of genes, a column each, by slot. */
export class Facets {
  readonly #groups = new Numbers();
  readonly #sources = new Numbers();
  readonly #diseases = new Numbers();
  readonly #groupOf: number[] = [];
  readonly #chromosomeOf: number[] = [];
  readonly #evidenceOf: number[] = [];
  /** A bit for each mode of inheritance. */
  readonly #inheritanceOf: number[] = [];
  readonly #sourceOf: number[] = [];
  readonly #diseasesOf: number[][] = [];

  /** Adds what is known of the gene in the next slot. */
  add(gene: FacetedGene): void {
    this.#groupOf.push(this.#groups.of(gene.diseaseGroup));
    this.#chromosomeOf.push((chromosomes as readonly string[]).indexOf(gene.chromosome));
    this.#evidenceOf.push(evidences.indexOf(gene.evidence));
    this.#inheritanceOf.push(bitsOf(gene.inheritance));
    this.#sourceOf.push(this.#sources.of(JSON.stringify([gene.evidenceSource, gene.evidenceDate])));
    this.#diseasesOf.push(
      gene.diseases.map(({ omimId, orphaId, name }) =>
        this.#diseases.of(omimId ?? orphaId ?? name.toLowerCase()),
      ),
    );
  }

  /** @returns whether the gene in a slot passes a selection's filters */
  filter({ group, inheritance, chromosome, evidence }: Selection): (slot: number) => boolean {
    const groups = group.length > 0 ? this.#groups.texts.map((slug) => group.includes(slug)) : null;
    const chosen = chromosome.length > 0 ? chromosomes.map((name) => chromosome.includes(name)) : null;
    const classes =
      evidence.length > 0 ? evidences.map((one) => one !== null && evidence.includes(one)) : null;
    const modes = bitsOf(inheritance);
    return (slot) =>
      (groups === null || groups[this.#groupOf[slot] ?? 0] === true) &&
      (chosen === null || chosen[this.#chromosomeOf[slot] ?? 0] === true) &&
      (classes === null || classes[this.#evidenceOf[slot] ?? 0] === true) &&
      (modes === 0 || ((this.#inheritanceOf[slot] ?? 0) & modes) !== 0);
  }

  /** @returns by what slots are sorted, as whole numbers from 0 */
  key(sort: 'chromosome' | 'group' | 'evidence'): (slot: number) => number {
    if (sort === 'chromosome') return (slot) => this.#chromosomeOf[slot] ?? 0;
    if (sort === 'evidence') return (slot) => this.#evidenceOf[slot] ?? 0;
    const sorted = [...this.#groups.texts].sort();
    const ranks = this.#groups.texts.map((slug) => sorted.indexOf(slug));
    return (slot) => ranks[this.#groupOf[slot] ?? 0] ?? 0;
  }

  /** Counts the genes in some slots. */
  summarize(slots: readonly number[]): Overview {
    const graded = slots.filter((slot) => evidences[this.#evidenceOf[slot] ?? 0] !== null);
    const sources = count(graded, this.#sourceOf, this.#sources.texts).slice(0, maxSources);
    return {
      genes: slots.length,
      diseases: this.#countDiseases(slots),
      byGroup: this.countGroups(slots),
      byInheritance: this.#countInheritance(slots),
      byChromosome: inOrder(count(slots, this.#chromosomeOf, chromosomes), chromosomes),
      byEvidence: inOrder(count(slots, this.#evidenceOf, classNames), classNames),
      evidenceSources: sources.map(({ key, count }) => {
        const [source, date] = JSON.parse(key) as [string | null, string | null];
        return { source, date, count };
      }),
    };
  }

  #countDiseases(slots: readonly number[]): number {
    const seen = new Uint8Array(this.#diseases.texts.length);
    for (const slot of slots) for (const disease of this.#diseasesOf[slot] ?? []) seen[disease] = 1;
    return seen.reduce((sum, one) => sum + one, 0);
  }

  #countInheritance(slots: readonly number[]): Count[] {
    const counts = inheritanceCodes.map((key) => ({ key, count: 0 }));
    for (const slot of slots) {
      const bits = this.#inheritanceOf[slot] ?? 0;
      for (const [bit, one] of counts.entries()) one.count += (bits >> bit) & 1;
    }
    return counts.filter((one) => one.count > 0).sort(byCount);
  }

  /** The groups that have genes in some slots, the most frequent first. */
  countGroups(slots: readonly number[]): Count[] {
    return count(slots, this.#groupOf, this.#groups.texts);
  }
}

const classNames = evidences.map((one) => one ?? 'none');

function bitsOf(codes: readonly string[]): number {
  return inheritanceCodes.reduce((bits, code, bit) => (codes.includes(code) ? bits | (1 << bit) : bits), 0);
}

function count(slots: readonly number[], column: readonly number[], names: readonly string[]): Count[] {
  const counts = names.map((key) => ({ key, count: 0 }));
  for (const slot of slots) {
    const one = counts[column[slot] ?? 0];
    if (one) one.count += 1;
  }
  return counts.filter((one) => one.count > 0).sort(byCount);
}

function byCount(a: Count, b: Count): number {
  return b.count - a.count || (a.key < b.key ? -1 : 1);
}

function inOrder(counts: readonly Count[], names: readonly string[]): Count[] {
  return [...counts].sort((a, b) => names.indexOf(a.key) - names.indexOf(b.key));
}
