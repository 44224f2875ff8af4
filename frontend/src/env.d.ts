/// <reference types="vite/client" />

/** The page's own version, from package.json at build time. */
declare const __APP_VERSION__: string;

interface ImportMetaEnv {
  /** Where the API is, as the browser sees it: a path or an absolute URL. Default `/api`. */
  readonly VITE_API_BASE_URL?: string;
  /** Where the WebSocket endpoints are: a path or an absolute URL. Default `/ws`. */
  readonly VITE_WS_URL?: string;
}
