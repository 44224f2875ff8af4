import type { Disease, Gene } from '../api/types.ts';

export interface ExternalLink {
  label: string;
  href: string;
}

/** Pages about a gene elsewhere. */
export function geneLinks(gene: Gene): ExternalLink[] {
  const symbol = encodeURIComponent(gene.symbol);
  return [
    {
      label: 'HGNC',
      href: `https://www.genenames.org/data/gene-symbol-report/#!/hgnc_id/${encodeURIComponent(gene.hgncId)}`,
    },
    {
      label: 'ClinGen',
      href: `https://search.clinicalgenome.org/kb/genes/${encodeURIComponent(gene.hgncId)}`,
    },
    { label: 'ClinVar', href: `https://www.ncbi.nlm.nih.gov/clinvar/?term=${symbol}%5Bgene%5D` },
    { label: 'gnomAD', href: `https://gnomad.broadinstitute.org/gene/${symbol}` },
    {
      label: 'NCBI Gene',
      href: `https://www.ncbi.nlm.nih.gov/gene/?term=${symbol}%5Bsym%5D+AND+human%5Borgn%5D`,
    },
  ];
}

/** Pages about a disease elsewhere, as far as its ids are known. */
export function diseaseLinks(disease: Disease): ExternalLink[] {
  const links: ExternalLink[] = [];
  if (disease.omimId) {
    links.push({ label: disease.omimId, href: `https://omim.org/entry/${bareId(disease.omimId)}` });
  }
  if (disease.orphaId) {
    links.push({
      label: disease.orphaId,
      href: `https://www.orpha.net/en/disease/detail/${bareId(disease.orphaId)}`,
    });
  }
  return links;
}

function bareId(id: string): string {
  return encodeURIComponent(id.replace(/^[A-Z]+:/, ''));
}
