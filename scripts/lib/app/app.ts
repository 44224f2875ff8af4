/**
 * All that the kit knows of the application it deploys, for probes, checks and the rotation; its values are in contract.ts, which another app changes.
 * Paths of the API are below API_V1_STR. docs/adapting.md explains each key, and a test compares.
 */
export interface App {
  /** Stands in the HTML of the page, and in that of no error page. */
  pageMark: string;
  /** An address that the page itself resolves, with a query. */
  deepLink: string;
  /** A list of the API that anybody may ask for: 200, JSON of more than 1 kB, from the database. */
  list: string;
  /** The same, refused with 400 because of a parameter that the API does not know. */
  refusedList: string;
  /** A WebSocket on the page's origin, with a ping within 15 s. */
  webSocket: string;
  /** A change that needs a token of this scope and meets nothing: `status` with a good token, 401 with another. */
  edit: { scope: string; method: string; path: string; body: object; status: number };
}
