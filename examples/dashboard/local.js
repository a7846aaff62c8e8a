// The dashboard of the local cloud: `make dashboard`. Ctrl-C stops both.
//
//   node local.js [DIRECTORY]
//
// DIRECTORY is that of the local cloud's files. If one runs there already, the dashboard shows it.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { preview } from "vite";

const TITLES = { azure: "Azure", gcp: "Google Cloud" };

const root = fileURLToPath(new URL(".", import.meta.url));
const project = resolve(root, "../..");
const directory = resolve(process.argv[2] ?? join(project, ".local"));
const endpoints = join(directory, "endpoints.json");

if (!existsSync(endpoints)) await startLocalCloud();
const server = await preview({ root, plugins: [servesTwin()], preview: { port: 5173 } });
console.log(`\nDashboard: ${server.resolvedUrls.local[0]}  (Ctrl-C stops everything.)`);

/** Start the local cloud, and end when it does. */
async function startLocalCloud() {
  const command = ["-m", "deploy_scripts", "local", "--directory", directory, "--entries", "480"];
  // Detached, so that it gets a Ctrl-C once: a second one would interrupt its cleaning up.
  const cloud = spawn(join(project, ".venv/bin/python"), command, {
    cwd: project,
    detached: true,
    stdio: "inherit",
  });
  cloud.on("exit", (code) => process.exit(code ?? 1));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => cloud.kill(signal));
  while (!existsSync(endpoints)) await setTimeout(200);
}

/** Serve /twin.json, as public/twin.json would be, for the local cloud's entities. */
function servesTwin() {
  return {
    name: "twin-of-the-local-cloud",
    configurePreviewServer: ({ middlewares }) => {
      middlewares.use("/twin.json", (_request, response) => {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify(twin(JSON.parse(readFileSync(endpoints, "utf8")))));
      });
    },
  };
}

function twin(at) {
  const entities = { AWS: at.direct_entity_id };
  for (const [provider, { entity_id }] of Object.entries(at.clouds)) entities[TITLES[provider]] = entity_id;
  return {
    endpoint: at.twinmaker_url,
    region: at.region,
    workspaceId: at.workspace_id,
    devices: Object.entries(entities).map(([title, entityId]) => ({
      title,
      entityId,
      componentName: at.component_name,
    })),
  };
}
