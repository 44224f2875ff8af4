import { computed, type Ref } from 'vue';
import type { SortField } from './gene-query.ts';
import { useStored } from './storage.ts';

export type ColumnId =
  | 'name'
  | 'group'
  | 'diseases'
  | 'inheritance'
  | 'location'
  | 'evidence'
  | 'aliases'
  | 'hgnc'
  | 'updated';

export interface Column {
  id: ColumnId;
  label: string;
  sort?: SortField;
}

/** The columns one can choose, in the order they are shown. The symbol always comes first and is not on this list. */
export const COLUMNS: readonly Column[] = [
  { id: 'name', label: 'Name', sort: 'name' },
  { id: 'group', label: 'Disease group', sort: 'group' },
  { id: 'diseases', label: 'Diseases' },
  { id: 'inheritance', label: 'Inheritance' },
  { id: 'location', label: 'Location', sort: 'chromosome' },
  { id: 'evidence', label: 'Evidence', sort: 'evidence' },
  { id: 'aliases', label: 'Aliases' },
  { id: 'hgnc', label: 'HGNC id' },
  { id: 'updated', label: 'Updated' },
];

export const DEFAULT_COLUMNS: readonly ColumnId[] = ['name', 'group', 'inheritance', 'location', 'evidence'];

/** Whether a text is the id of a column. */
export function isColumnId(value: unknown): value is ColumnId {
  return COLUMNS.some((column) => column.id === value);
}

/**
 * The columns to show: those of the address, else the reader's last choice, else the default.
 * @param fromAddress the columns the address names, or null
 */
export function useColumns(fromAddress: Ref<ColumnId[] | null>): {
  shown: Ref<Column[]>;
  remember(columns: ColumnId[] | null): void;
} {
  const stored = useStored<ColumnId[]>('columns', isColumnList);
  const ids = computed(() => fromAddress.value ?? stored.value ?? DEFAULT_COLUMNS);
  return {
    shown: computed(() => COLUMNS.filter((column) => ids.value.includes(column.id))),
    remember: (columns) => {
      stored.value = columns;
    },
  };
}

function isColumnList(value: unknown): value is ColumnId[] {
  return Array.isArray(value) && value.length > 0 && value.every(isColumnId);
}
