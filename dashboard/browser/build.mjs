// Builds what browsers load into dashboard/static (or the folder named with --out): names tell the
// content apart, manifest.json says which file is which, dashboard/assets.py reads it. Beside each
// file stands its compressed form. `--tests` bundles the tests instead, for `node --test`.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: resolve(here, "../static") },
    tests: { type: "boolean", default: false },
  },
});

const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: ["es2022", "chrome109", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  write: false,
  metafile: true,
  loader: { ".woff2": "file" },
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
};

function named(name, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 10);
  const dot = name.lastIndexOf(".");
  return `${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
}

/** What the licences of everything that was bundled ask to be said. */
function licences(inputs) {
  const names = inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const texts = readdirSync(folder, { withFileTypes: true })
      .filter((each) => each.isFile() && /^(licen[cs]e|notice)/i.test(each.name))
      .map((each) => readFileSync(join(folder, each.name), "utf8").trim());
    return [`${name} ${version} (${license})`, ...texts].join("\n\n");
  }).join(`\n\n${"-".repeat(80)}\n\n`);
}

async function buildAssets(out) {
  const built = [
    await build({
      ...shared,
      entryPoints: ["src/first.ts"],
      format: "iife",
      outdir: out,
    }),
    await build({
      ...shared,
      entryPoints: ["src/page.ts", "src/charts.ts", "src/query.ts", "css/style.css"],
      format: "esm",
      outdir: out,
    }),
  ];
  const files = new Map();
  const manifest = {};
  for (const { path, contents } of built.flatMap(({ outputFiles }) => outputFiles)) {
    const name = basename(path);
    files.set(name, contents);
    manifest[name.replace(/-[A-Z0-9]{8}(?=\.\w+$)/, "")] = name;
  }
  const icon = readFileSync(join(here, "css/icon.svg"));
  const inputs = built.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const said = Buffer.from(licences(inputs));
  for (const [name, content] of [["icon.svg", icon], ["licences.txt", said]]) {
    manifest[name] = named(name, content);
    files.set(manifest[name], content);
  }
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const [name, content] of files) {
    writeFileSync(join(out, name), content);
    if (name.endsWith(".woff2")) continue;
    const small = gzipSync(content, { level: 9 });
    writeFileSync(join(out, `${name}.gz`), small);
    console.log(`${String(small.length).padStart(8)} bytes compressed  ${name}`);
  }
  // Last: with it there, everything is there.
  writeFileSync(join(out, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

async function buildTests(out) {
  rmSync(out, { recursive: true, force: true });
  await build({
    ...shared,
    entryPoints: readdirSync(join(here, "tests"))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `tests/${name}`),
    platform: "node",
    target: "node20",
    format: "esm",
    minify: false,
    entryNames: "[name]",
    outExtension: { ".js": ".mjs" },
    outdir: out,
    write: true,
  });
}

if (options.tests) await buildTests(join(here, ".built-tests"));
else await buildAssets(resolve(options.out));
