import { defineConfig } from 'vite';
import { precompress } from './build/precompress.ts';

export default defineConfig({ plugins: [precompress()], build: { modulePreload: { polyfill: false } } });
