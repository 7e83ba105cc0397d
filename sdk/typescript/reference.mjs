// Writes the package's API reference, docs/reference/typescript.md, from its types and their doc comments; with --check, says whether it is current.
//
//     npm run reference                          # write
//     node reference.mjs [--check] [PAGE]        # compare, or another page
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const checks = process.argv.includes("--check");
const named = process.argv.slice(2).find((arg) => !arg.startsWith("--"));
const entry = resolve(here, "src/index.ts");
const target = resolve(named ?? resolve(here, "../../docs/reference/typescript.md"));

const { config } = ts.readConfigFile(resolve(here, "tsconfig.json"), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, here);
const program = ts.createProgram([entry], options);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });
const index = program.getSourceFile(entry);

/** The text of a node without comments, on one line where it is short. */
function text(node) {
  const printed = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()).replace(/\s*\n\s*/g, " ");
  return printed.replace(/^(export |declare |async |abstract )+/, "").trim();
}

/** The doc comment of a symbol as Markdown. */
function comment(symbol) {
  const said = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  const tags = symbol.getJsDocTags(checker).filter((tag) => !["packageDocumentation", "internal", "param"].includes(tag.name));
  const more = tags.map((tag) => `*${tag.name}*: ${ts.displayPartsToString(tag.text).trim()}`);
  return [said, ...more].filter(Boolean).join("\n\n").replace(/\{@link ([^}]+)\}/g, "`$1`");
}

const isHidden = (declaration) =>
  (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0 ||
  ts.getJSDocTags(declaration).some((tag) => tag.tagName.text === "internal") ||
  (declaration.name !== undefined && (ts.isPrivateIdentifier(declaration.name) || declaration.name.getText().startsWith("_")));

/** A declaration without its body. */
function signature(declaration) {
  const parameters = () => declaration.parameters.map(text).join(", ");
  const generics = declaration.typeParameters ? `<${declaration.typeParameters.map(text).join(", ")}>` : "";
  const returns = () => {
    if (declaration.type) return text(declaration.type);
    const found = checker.getSignatureFromDeclaration(declaration);
    return found ? checker.typeToString(found.getReturnType(), declaration, ts.TypeFormatFlags.NoTruncation) : "void";
  };
  const isStatic = (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Static) !== 0 ? "static " : "";
  const isReadonly = (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Readonly) !== 0 ? "readonly " : "";
  const name = declaration.name?.getText() ?? "";
  if (ts.isConstructorDeclaration(declaration)) return `new (${parameters()})`;
  if (ts.isGetAccessor(declaration)) return `${isStatic}get ${name}: ${returns()}`;
  if (ts.isSetAccessor(declaration)) return `${isStatic}set ${name}(${parameters()})`;
  if (ts.isMethodDeclaration(declaration) || ts.isFunctionDeclaration(declaration)) {
    const optional = declaration.questionToken ? "?" : "";
    return `${isStatic}${name}${optional}${generics}(${parameters()}): ${returns()}`;
  }
  if (ts.isPropertyDeclaration(declaration) || ts.isVariableDeclaration(declaration)) {
    const optional = declaration.questionToken ? "?" : "";
    const type = declaration.type ? text(declaration.type) : checker.typeToString(checker.getTypeAtLocation(declaration), declaration, ts.TypeFormatFlags.NoTruncation);
    return `${isStatic}${isReadonly}${name}${optional}: ${type}`;
  }
  return text(declaration).replace(/;$/, "");
}

function members(declaration) {
  const lines = [];
  const seen = new Set();
  for (const member of declaration.members) {
    if (isHidden(member)) continue;
    // The code of overloads is not one of them.
    const symbol = member.name ? checker.getSymbolAtLocation(member.name) : member.symbol;
    const all = symbol?.declarations ?? [member];
    if (all.length > 1 && member.body !== undefined && all.some((other) => other.body === undefined)) continue;
    const code = signature(member);
    if (seen.has(code)) continue;
    seen.add(code);
    const said = symbol ? comment(symbol).replace(/\n+/g, " ") : "";
    lines.push(`- \`${code}\`${said ? ` — ${said}` : ""}`);
  }
  return lines.join("\n");
}

function section(symbol) {
  const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const declarations = real.declarations ?? [];
  const parts = [`### ${symbol.name}`];
  const said = comment(real);
  for (const declaration of declarations) {
    if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) {
      const kind = ts.isClassDeclaration(declaration) ? "class" : "interface";
      const generics = declaration.typeParameters ? `<${declaration.typeParameters.map(text).join(", ")}>` : "";
      const bases = (declaration.heritageClauses ?? []).map((clause) => ` ${text(clause)}`).join("");
      parts.push("```ts\n" + `${kind} ${symbol.name}${generics}${bases}` + "\n```", said, members(declaration));
    } else if (ts.isFunctionDeclaration(declaration)) {
      if (declarations.length > 1 && declaration.body !== undefined) continue;
      parts.push("```ts\n" + `function ${signature(declaration)}` + "\n```", said);
    } else if (ts.isVariableDeclaration(declaration)) {
      parts.push("```ts\n" + `const ${signature(declaration)}` + "\n```", said);
    } else {
      parts.push("```ts\n" + signature(declaration) + "\n```", said);
    }
  }
  return parts.filter(Boolean).join("\n\n");
}

const surface = checker.getSymbolAtLocation(index);
const exported = checker.getExportsOfModule(surface).sort((a, b) => (a.name < b.name ? -1 : 1));
const ofValues = exported.filter((symbol) => {
  const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return (real.flags & ts.SymbolFlags.Value) !== 0 && !isTypeOnly(symbol);
});
const types = exported.filter((symbol) => !ofValues.includes(symbol));

/** Exported as a type alone, whatever it is. */
function isTypeOnly(symbol) {
  return (symbol.declarations ?? []).some((declaration) => ts.isTypeOnlyImportOrExportDeclaration(declaration));
}

const page = `# The TypeScript package: reference

Generated from the types by \`npm run reference\` in \`sdk/typescript\`; a test says when it is not current. The guide is [typescript.md](../guide/typescript.md).

## Classes, functions, values

${ofValues.map(section).join("\n\n")}

## Types

${types.map(section).join("\n\n")}
`;

if (checks) {
  const current = readFileSync(target, "utf8");
  if (current !== page) {
    console.error(`${target} is not current: npm run reference`);
    process.exit(1);
  }
} else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, page);
}
