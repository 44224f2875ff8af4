import type { Disease, Gene } from '../api/types.ts';

export interface ExternalLink {
  label: string;
  href: string;
}

/**
 * Pages about a gene elsewhere, found by its HGNC id or its approved symbol, whichever the site resolves by itself: ids of
 * other sites are not known here, and none is guessed.
 */
export function geneLinks({ symbol, hgncId }: Gene): ExternalLink[] {
  const name = encodeURIComponent(symbol);
  const id = encodeURIComponent(hgncId);
  const protein = encodeURIComponent(`gene_exact:${symbol} AND organism_id:9606 AND reviewed:true`);
  return [
    { label: 'HGNC', href: `https://www.genenames.org/data/gene-symbol-report/#!/hgnc_id/${id}` },
    { label: 'OMIM', href: `https://omim.org/search?index=entry&search=${name}` },
    { label: 'Ensembl', href: `https://www.ensembl.org/Homo_sapiens/Gene/Summary?g=${name}` },
    { label: 'UniProt', href: `https://www.uniprot.org/uniprotkb?query=${protein}` },
    { label: 'Orphanet', href: `https://www.orpha.net/en/disease/gene/${name}` },
    { label: 'PanelApp', href: `https://panelapp.genomicsengland.co.uk/panels/entities/${name}` },
    { label: 'ClinGen', href: `https://search.clinicalgenome.org/kb/genes/${id}` },
    { label: 'ClinVar', href: `https://www.ncbi.nlm.nih.gov/clinvar/?term=${name}%5Bgene%5D` },
    { label: 'gnomAD', href: `https://gnomad.broadinstitute.org/gene/${name}` },
    {
      label: 'NCBI Gene',
      href: `https://www.ncbi.nlm.nih.gov/gene/?term=${name}%5Bsym%5D+AND+human%5Borgn%5D`,
    },
  ];
}

/** Where the evidence class can be read; null without an address, or with one that is not HTTPS. */
export function evidenceAddress({ evidenceUrl }: Gene): string | null {
  return evidenceUrl && URL.canParse(evidenceUrl) && new URL(evidenceUrl).protocol === 'https:'
    ? evidenceUrl
    : null;
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
