#!/bin/sh
# Makes plot.js anew, in a folder of its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
cd "$work"
npm init -y >/dev/null
npm install --silent @observablehq/plot@0.6.17 esbuild@0.28.2
cp "$here/charts.js" charts.js
npx esbuild charts.js --bundle --minify --format=iife --global-name=Plot --target=es2022 --legal-comments=none \
  --metafile=meta.json --outfile=bundle.js
node -e '
const { inputs } = Object.values(require("./meta.json").outputs)[0];
const packages = new Set(Object.entries(inputs).filter(([, i]) => i.bytesInOutput > 0)
  .map(([path]) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));
const texts = new Map();
for (const name of [...packages].sort()) {
  const fs = require("fs"), folder = `node_modules/${name}`;
  const file = fs.readdirSync(folder).find((f) => /^licen[sc]e/i.test(f));
  const { version, license } = require(`./${folder}/package.json`);
  const text = file ? fs.readFileSync(`${folder}/${file}`, "utf8").trim() : `${license} licence`;
  texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}`]);
}
const banner = [...texts].map(([text, names]) => `${names.join(", ")}:\n\n${text}`).join("\n\n----\n\n");
require("fs").writeFileSync("plot.js", `/*!\n${banner.replaceAll("*/", "* /")}\n*/\n${require("fs").readFileSync("bundle.js", "utf8")}`);
'
cp plot.js "$here/plot.js"
rm -r "$work"
