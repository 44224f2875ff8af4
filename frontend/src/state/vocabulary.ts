import type { EvidenceClass } from '../api/types.ts';

export interface Term {
  value: string;
  label: string;
}

/** Modes of inheritance by the codes the API uses, most common first. */
export const INHERITANCE: readonly Term[] = [
  { value: 'AD', label: 'Autosomal dominant' },
  { value: 'AR', label: 'Autosomal recessive' },
  { value: 'XL', label: 'X-linked' },
  { value: 'XLD', label: 'X-linked dominant' },
  { value: 'XLR', label: 'X-linked recessive' },
  { value: 'MT', label: 'Mitochondrial' },
  { value: 'digenic', label: 'Digenic' },
];

/** Evidence classes from strong to weak, with the level (4 to 1) that their symbol shows. */
export const EVIDENCE: readonly (Term & { value: EvidenceClass; level: number })[] = [
  { value: 'definitive', label: 'Definitive', level: 4 },
  { value: 'strong', label: 'Strong', level: 3 },
  { value: 'moderate', label: 'Moderate', level: 2 },
  { value: 'limited', label: 'Limited', level: 1 },
];

/** Human chromosomes in their usual order. */
export const CHROMOSOMES: readonly string[] = [
  ...Array.from({ length: 22 }, (_, index) => String(index + 1)),
  'X',
  'Y',
  'MT',
];

/** The words for an inheritance code; an unknown code stands for itself. */
export function inheritanceLabel(code: string): string {
  return INHERITANCE.find((term) => term.value === code)?.label ?? code;
}

/** The words for an evidence class, or for its absence. */
export function evidenceLabel(evidence: string | null): string {
  if (evidence === null) return 'Not graded';
  return EVIDENCE.find((term) => term.value === evidence)?.label ?? evidence;
}
