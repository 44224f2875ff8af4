/** The shapes of the API's answers (prefix /api/v1), as its OpenAPI document describes them. */

export type EvidenceClass = 'definitive' | 'strong' | 'moderate' | 'limited';

export interface Disease {
  name: string;
  /** For example "OMIM:173900"; null when not certain. */
  omimId: string | null;
  /** For example "ORPHA:730"; null when not certain. */
  orphaId: string | null;
  inheritance: string[];
}

export interface Gene {
  symbol: string;
  /** For example "HGNC:9008". */
  hgncId: string;
  name: string;
  aliases: string[];
  /** "1" to "22", "X", "Y" or "MT". */
  chromosome: string;
  /** For example "16p13.3". */
  band: string;
  /** Codes such as "AD"; see state/vocabulary.ts. */
  inheritance: string[];
  /** Slug of a disease group. */
  diseaseGroup: string;
  evidence: EvidenceClass | null;
  /** Who gave the class; null when not known, missing in answers of an API of before. */
  evidenceSource?: string | null;
  /** "2023", "2023-11" or "2023-11-30". */
  evidenceDate?: string | null;
  /** Where it can be read. */
  evidenceUrl?: string | null;
  diseases: Disease[];
  /** ISO 8601. */
  updatedAt: string;
  /** Sequence number of the gene's last change. */
  seq: number;
}

export interface GenePage {
  items: Gene[];
  total: number;
  page: number;
  pageSize: number;
  pages: number;
}

export interface DiseaseGroup {
  slug: string;
  name: string;
  description: string;
  genes: number;
}

export interface Count {
  key: string;
  count: number;
}

export interface Statistics {
  genes: number;
  diseases: number;
  byGroup: Count[];
  byInheritance: Count[];
  byChromosome: Count[];
  byEvidence: Count[];
  /** Missing in answers of an API of before. */
  evidenceSources?: { source: string | null; date: string | null; count: number }[];
  updatedAt: string | null;
}

export interface Site {
  /** What the operator calls the site. */
  name: string;
}

export interface Meta {
  name: string;
  version: string;
  revision: string;
  apiVersion: string;
  startedAt: string;
  genes: number;
  latestSeq: number;
  /** ISO 8601; missing in answers of an API of before. */
  dataChangedAt?: string;
}

/** The answer of the readiness check when all is well. */
export interface Readiness {
  status: 'ok';
  database: { status: 'up'; latencyMs: number };
  version: string;
  revision: string;
  uptimeSeconds: number;
}

/** One entry of the change feed, over HTTP and over the WebSocket alike. */
export interface Change {
  seq: number;
  at: string;
  op: 'insert' | 'update' | 'delete';
  symbol: string;
  /** Null when the gene was deleted. */
  gene: Gene | null;
}

/** RFC 9457 problem document as this API writes it. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  instance?: string;
  requestId?: string;
  errors?: { parameter: string; detail: string }[];
}
