/** How the application's data go in and out of the database, for the scripts data-import and data-export. */
export { exportScript, formatExport } from './export.ts';
export { SPREADSHEET } from './gene-file.ts';
export type { ImportCounts } from './gene-import.ts';
export { load, openImport, type RunScript } from './import.ts';
