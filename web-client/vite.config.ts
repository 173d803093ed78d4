import { defineConfig } from 'vite';

export default defineConfig({
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
    // No data: URLs: the page's policy allows files of its own origin only.
    build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
    // `npm run dev` beside running daemons: MH_INGEST=http://127.0.0.1:8080 npm run dev
    server: { proxy: { '/v1': process.env['MH_INGEST'] ?? 'http://127.0.0.1:8080' } },
});
