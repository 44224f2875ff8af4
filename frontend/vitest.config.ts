import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [vue()],
  define: { __APP_VERSION__: JSON.stringify('0.0.0-test') },
  test: {
    // The first test of a file compiles the whole page, on whatever machine.
    testTimeout: 60_000,
    environment: 'happy-dom',
    include: ['test/*.test.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
});
