import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';
import { precompress } from './build/precompress.ts';
import { siteTexts } from './build/site-texts.ts';
import packageJson from './package.json' with { type: 'json' };

const backend = process.env.BACKEND_ORIGIN ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [vue(), siteTexts(), precompress()],
  define: { __APP_VERSION__: JSON.stringify(packageJson.version) },
  build: {
    // The policy is script-src 'self', img-src 'self' data:, font-src 'self': nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/api': { target: backend },
      '/ws': { target: backend, ws: true },
    },
  },
});
