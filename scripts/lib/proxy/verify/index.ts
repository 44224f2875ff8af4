import type { ProxyCheck } from './check.ts';
import { CLIENT } from './client.ts';
import { CONTENT } from './content.ts';
import { LIVE } from './live.ts';
import { TRANSPORT } from './transport.ts';

/** What can be asked side by side; `LAST` follows. */
export const CHECKS: readonly ProxyCheck[] = [...TRANSPORT, ...CONTENT, ...CLIENT, ...LIVE];
export { LAST } from './live.ts';
