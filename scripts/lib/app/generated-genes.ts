import type { GeneContent } from '../../../backend/src/schemas/gene.ts';

const organs =
  'renal tubular glomerular podocyte collecting cystic urinary vascular mesangial interstitial'.split(' ');
const parts =
  'collagen channel receptor factor subunit kinase membrane transporter exchanger claudin integrin'.split(
    ' ',
  );
const kinds =
  'dysplasia nephropathy acidosis syndrome hypoplasia sclerosis reflux wasting stones agenesis'.split(' ');

function pick(words: readonly string[], index: number): string {
  return words[index % words.length] ?? '';
}

/** A gene that does not exist, for tests and benchmarks with many: the same for the same index, with texts of usual length. */
export function generateGene(index: number): GeneContent {
  return {
    symbol: `GEN${index}`,
    hgncId: `HGNC:${1_000_000 + index}`,
    name: `${pick(organs, index)} ${pick(parts, index * 7 + 1)} family "${index % 977}", member ${index}`,
    aliases: [`ALIAS-${index}`, `=${index}`],
    chromosome: '7',
    band: '7q31.2',
    inheritance: index % 2 === 0 ? ['AD'] : ['AR', 'digenic'],
    diseaseGroup: index % 3 === 0 ? 'cystic' : 'tubulopathy',
    evidence: index % 5 === 0 ? 'limited' : null,
    evidenceSource: index % 5 === 0 ? 'ClinGen' : null,
    evidenceDate: index % 5 === 0 ? '2023-11' : null,
    evidenceUrl: null,
    diseases: [
      {
        name: `${pick(organs, index * 3 + 1)} ${pick(kinds, index * 7 + 2)}, type ${index % 900}`,
        omimId: `OMIM:${100_000 + index}`,
        orphaId: null,
        inheritance: ['AR'],
      },
      { name: `Another ${pick(kinds, index + 5)}`, omimId: null, orphaId: null, inheritance: [] },
    ],
  };
}
