import type { Pool } from 'pg';

/** Whether a token's id is on the list of those that are good no longer. */
export async function isTokenRevoked(pool: Pool, id: string): Promise<boolean> {
  const text = 'select from revoked_tokens where id = $1';
  return (await pool.query({ name: 'revoked-token', text, values: [id] })).rows.length > 0;
}
