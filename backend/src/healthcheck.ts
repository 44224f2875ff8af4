/**
 * Container health probe: asks the API on this machine whether it is ready; exit code 0 when it is, 1 when not.
 * The image holds neither a shell nor curl.
 */
import { get } from 'node:http';

const deadlineMs = 4000;
const fail = (reason: string) => {
  console.error(reason);
  process.exitCode = 1;
};

const request = get(
  {
    host: '127.0.0.1',
    port: Number(process.env.PORT || 8000),
    path: '/api/health',
    timeout: deadlineMs,
    agent: false,
  },
  (response) => {
    response.resume();
    if (response.statusCode !== 200) fail(`/api/health answered ${response.statusCode}`);
  },
);
request.on('timeout', () => request.destroy(new Error(`/api/health did not answer in ${deadlineMs} ms`)));
request.on('error', (error) => fail(error.message));
