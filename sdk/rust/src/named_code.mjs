// Gives code that came as text the name of a file of the machine, which need not be there: traces, `import.meta`, `__filename` and relative
// imports are that file's. Preloaded as a `data:` URL whose fragment says name, format and text, so that workers and forks know the file too.
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const { filename, format, source } = JSON.parse(decodeURIComponent(new URL(import.meta.url).hash.slice(1)));
const url = pathToFileURL(filename).href;

registerHooks({
  resolve: (specifier, context, next) => (specifier === url ? { url, format, shortCircuit: true } : next(specifier, context)),
  load: (asked, context, next) => (asked === url ? { format, source, shortCircuit: true } : next(asked, context)),
});
