import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Let the bundler find Stencil's components, whose names are put together when they are loaded. */
const stencilComponents = {
  name: "stencil-components",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("/@iot-app-kit/charts-core/dist/esm/index-")) return undefined;
    const lazy = /import\([^`)]*`\.\/\$\{bundleId\}\.entry\.js\$\{ ''\}`\)/s;
    if (!lazy.test(code)) this.error("Stencil's runtime loads its components otherwise than expected");
    return code.replace(
      lazy,
      'import.meta.glob("./*.entry.js", { exhaustive: true })[`./${bundleId}.entry.js`]()',
    );
  },
};

export default defineConfig({
  plugins: [stencilComponents, react()],
  resolve: {
    alias: {
      // The build for today's browsers.
      "@iot-app-kit/charts-core/dist/loader": "@iot-app-kit/charts-core/dist/loader/index.es2017.mjs",
    },
  },
  // Some of IoT App Kit's packages were written for bundlers that define Node's `global`.
  define: { global: "globalThis" },
  build: { chunkSizeWarningLimit: 5_000 },
});
