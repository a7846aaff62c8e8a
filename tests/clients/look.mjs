// Looks at the dashboard in a headless Chromium: what its user sees of each device.
//
//   node look.mjs URL [PICTURE]
//
// Each line of standard input is answered by one of JSON: "look" says what is there, "glance" the newest
// values and errors alone, and "read again" presses the button of that name before a glance. With PICTURE,
// the first look is kept as a PNG.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const [url, picture] = process.argv.slice(2);
const profile = await mkdtemp(join(tmpdir(), "chromium-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
  timezoneId: "UTC",
  viewport: { width: 1280, height: 2000 },
});
const page = await browser.newPage();
const crashes = [];
page.on("pageerror", (error) => crashes.push(error.stack));
page.setDefaultTimeout(10_000);
await page.goto(url, { timeout: 60_000 });

let looks = 0;
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "read again") await page.getByRole("button", { name: "Read again" }).click();
  await page.locator("section").first().waitFor({ timeout: 60_000 });
  if (picture && looks++ === 0) await page.screenshot({ path: picture });
  const devices = [];
  for (const section of await page.locator("section").all()) {
    const title = await section.getAttribute("aria-label");
    // A panel that changes meanwhile, from charts to an error or back, is for the next look.
    const panel = await look(section, line !== "look").catch(() => ({ newest: [], tooltips: [], statuses: [] }));
    devices.push({ title, ...panel });
  }
  console.log(JSON.stringify({ devices, crashes: crashes.splice(0) }));
}
await browser.close();
await rm(profile, { recursive: true });

/** Read a device's error, or what its panels show: of charts only if it isn't to be quick. */
async function look(section, quick) {
  const failed = section.locator("[class*=awsui_alert]").first();
  if (await failed.count()) return { error: await failed.innerText(), newest: [] };
  // In one go: a value and its time belong together. There is no time while it loads.
  const newest = await section.getByTestId("kpi-base-component").evaluateAll((all) =>
    all.map((kpi) => {
      const part = (name) => kpi.querySelector(`[data-testid="kpi-${name}"]`);
      const [name, value] = [part("name-and-unit"), part("value")].map((each) => each.innerText.trim());
      return { name, value, time: part("timestamp")?.innerText };
    }),
  );
  if (quick) return { newest };
  const statuses = [];
  for (const timeline of await section.locator(".timeline").all()) statuses.push(await bands(timeline));
  return { newest, tooltips: newest.length ? await tooltips(section) : [], statuses };
}

/** Hover over a line chart from left to right, and read what it says of each point: lines. */
async function tooltips(section) {
  const chart = section.locator(".base-chart-element");
  const { x, y, width, height } = await chart.boundingBox();
  const seen = new Set();
  for (let at = 0.05; at < 0.95; at += 0.02) {
    await page.mouse.move(x + width * at, y + height / 2);
    // In one go: the text of one that is hidden meanwhile has no lines.
    const shown = (all) => all.filter((each) => each.checkVisibility()).map((each) => each.innerText);
    for (const each of await chart.getByRole("tooltip").evaluateAll(shown)) seen.add(each);
  }
  return [...seen].map((each) => each.split("\n").map((line) => line.trim()));
}

/** Read a status timeline's pixels from left to right: the values that its bands stand for. */
async function bands(timeline) {
  const colors = await timeline
    .locator(".threshold-legend-container .box")
    .evaluateAll((boxes) => boxes.map((box) => [box.style.backgroundColor, box.parentElement.innerText.trim()]));
  const drawn = timeline.locator(".data-container");
  if (!(await drawn.count())) return [];
  const { x, y, width } = await drawn.boundingBox();
  const png = await page.screenshot({ clip: { x, y: y + 45, width, height: 1 } });
  const pixels = await page.evaluate(async (base64) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const canvas = new OffscreenCanvas(image.width, 1).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, 1);
    return Array.from({ length: image.width }, (_, at) => `rgb(${data.slice(4 * at, 4 * at + 3).join(", ")})`);
  }, png.toString("base64"));
  const named = new Map(colors);
  const values = pixels.map((each) => named.get(each)).filter(Boolean);
  return values.filter((value, at) => value !== values[at - 1]);
}
