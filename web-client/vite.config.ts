import { defineConfig } from 'vite';

const ingest = process.env['MH_INGEST'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
    // No data: URLs: the page's policy allows files of its own origin only.
    build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
    // `MH_INGEST=... npm run dev` beside running daemons; the hub's allowed_origins must name the
    // development server, ingest sees its own origin.
    server: { proxy: { '/v1': { target: ingest, headers: { origin: ingest } } } },
});
