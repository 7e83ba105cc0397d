//! Finds the names a `CommonJS` module exports without running it, for `import { name } from './module.cjs'`.
//!
//! The patterns are those of cjs-module-lexer, which Node has: assignments to `exports.x` and `module.exports`, object literals,
//! `Object.defineProperty(exports, …)`, `require` re-exports as Babel, TypeScript and esbuild write them. [`parse`] makes tokens
//! (comments, templates and regular expressions understood) and matches the patterns over them, at any depth, as the original does.
//! What cannot be understood is skipped: the answer is a list of good guesses, never an error.

use std::collections::{HashMap, HashSet};

/// What was found.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Exports {
    /// Names, in order, once each.
    pub(crate) names: Vec<String>,
    /// Specifiers whose exports are exports too.
    pub(crate) reexports: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Text(String),
    Punct(char),
    /// A number, a template, a regular expression: a value whose content does not matter.
    Value,
}

/// Finds the exports of a module's source.
pub(crate) fn parse(source: &str) -> Exports {
    let tokens = tokenize(source);
    let mut finder = Finder {
        tokens: &tokens,
        exports: Exports::default(),
        seen: (HashSet::new(), HashSet::new()),
        bindings: HashMap::new(),
    };
    finder.find_bindings();
    for at in 0..tokens.len() {
        finder.look(at);
    }
    finder.exports
}

/// How many bindings of required modules are kept for Babel's loops, as in the original.
const BINDINGS: usize = 255;

struct Finder<'a> {
    tokens: &'a [Token<'a>],
    exports: Exports,
    /// Which names and specifiers are in `exports` already.
    seen: (HashSet<String>, HashSet<String>),
    /// Specifiers by the name of `var name = require('specifier')`.
    bindings: HashMap<&'a str, &'a str>,
}

impl<'a> Finder<'a> {
    fn word(&self, at: usize) -> Option<&'a str> {
        match self.tokens.get(at) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn is(&self, at: usize, punct: char) -> bool {
        self.tokens.get(at) == Some(&Token::Punct(punct))
    }

    fn text(&self, at: usize) -> Option<&'a str> {
        match self.tokens.get(at) {
            Some(Token::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn words(&self, at: usize, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(index, wanted)| match self.tokens.get(at + index) {
                Some(Token::Word(word)) => word == wanted,
                Some(Token::Punct(punct)) => {
                    wanted.len() == punct.len_utf8() && wanted.starts_with(*punct)
                }
                _ => false,
            })
    }

    fn add(&mut self, name: &str) {
        // A name that is not well-formed cannot be imported.
        if name.contains(char::REPLACEMENT_CHARACTER) {
            return;
        }
        if self.seen.0.insert(name.to_owned()) {
            self.exports.names.push(name.to_owned());
        }
    }

    fn add_reexport(&mut self, specifier: &str) {
        if self.seen.1.insert(specifier.to_owned()) {
            self.exports.reexports.push(specifier.to_owned());
        }
    }

    /// `require('x')` at a place: the specifier and where it ends.
    fn require(&self, at: usize) -> Option<(&'a str, usize)> {
        if self.word(at) == Some("require") && self.is(at + 1, '(') && self.is(at + 3, ')') {
            return self.text(at + 2).map(|specifier| (specifier, at + 4));
        }
        // Babel's interop: `_interopRequireWildcard(require('x'))`.
        if self.word(at).is_some_and(|word| {
            word.starts_with("_interopRequire") || word == "__importStar" || word == "__toESM"
        }) && self.is(at + 1, '(')
        {
            return self.require(at + 2);
        }
        None
    }

    /// Where `exports` or `module.exports` at a place ends.
    fn exports_object(&self, at: usize) -> Option<usize> {
        if at > 0 && self.is(at - 1, '.') {
            return None;
        }
        match self.word(at)? {
            "exports" => Some(at + 1),
            "module" if self.is(at + 1, '.') && self.word(at + 2) == Some("exports") => {
                Some(at + 3)
            }
            _ => None,
        }
    }

    fn look(&mut self, at: usize) {
        if let Some(end) = self.exports_object(at) {
            self.assignment(at, end);
        }
        match self.word(at) {
            Some("Object") => self.define_property(at),
            Some("__exportStar" | "__export") => self.export_star(at),
            _ => {}
        }
    }

    /// `exports.name =`, `exports['name'] =`, `module.exports = …`. A comparison counts too, as in the original.
    fn assignment(&mut self, start: usize, at: usize) {
        if self.is(at, '.') {
            if let Some(name) = self.word(at + 1)
                && self.is(at + 2, '=')
            {
                self.add(name);
            }
        } else if self.is(at, '[') {
            if let Some(name) = self.text(at + 1)
                && self.is(at + 2, ']')
                && self.is(at + 3, '=')
            {
                self.add(name);
            } else {
                self.key_loop(start, at);
            }
        } else if self.is(at, '=') && self.word(start) == Some("module") {
            // A whole new object: earlier re-exports of this kind are gone, as the original has it.
            self.exports.reexports.clear();
            self.seen.1.clear();
            if let Some((specifier, _)) = self.require(at + 1) {
                self.add_reexport(specifier);
            } else if self.is(at + 1, '{') {
                self.object_literal(at + 2);
            }
        }
    }

    /// `{ a, b: …, 'c': …, get d() …, ...require('x') }`: up to what is not a plain entry.
    fn object_literal(&mut self, mut at: usize) {
        loop {
            if self.is(at, '.') && self.is(at + 1, '.') && self.is(at + 2, '.') {
                if let Some((specifier, end)) = self.require(at + 3) {
                    self.add_reexport(specifier);
                    at = end;
                } else {
                    match self.word(at + 3) {
                        Some(_) => at += 4,
                        None => return,
                    }
                }
            } else if let Some(name) = self.word(at) {
                if name == "get" && self.word(at + 1).is_some() && self.is(at + 2, '(') {
                    return;
                }
                match self.entry(name, at) {
                    Some(end) => at = end,
                    None => return,
                }
            } else if let Some(name) = self.text(at) {
                if !self.is(at + 1, ':') {
                    return;
                }
                match self.entry(name, at) {
                    Some(end) => at = end,
                    None => return,
                }
            } else {
                return;
            }
            if !self.is(at, ',') {
                return;
            }
            at += 1;
        }
    }

    /// An entry `name` or `name: value`, which counts if the value begins with a word; where the scan goes on. A required module as
    /// the value is taken for a re-export, as in the original.
    fn entry(&mut self, name: &str, at: usize) -> Option<usize> {
        if !self.is(at + 1, ':') {
            self.add(name);
            return Some(at + 1);
        }
        let value = self.word(at + 2)?;
        if value.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        self.add(name);
        if let Some((specifier, _)) = self.require(at + 2) {
            self.add_reexport(specifier);
        }
        Some(at + 3)
    }

    /// `Object.defineProperty(exports, 'name', { enumerable: true, get … | value: … })`.
    fn define_property(&mut self, at: usize) {
        if !self.words(at, &["Object", ".", "defineProperty", "("]) {
            return;
        }
        let Some(end) = self.exports_object(at + 4) else {
            return;
        };
        if !self.is(end, ',') {
            return;
        }
        if let Some(key) = self.word(end + 1) {
            self.define_keys(key, end + 2);
            return;
        }
        let Some(name) = self.text(end + 1) else {
            return;
        };
        if !self.is(end + 2, ',') || !self.is(end + 3, '{') {
            return;
        }
        if self.is_safe_property(end + 4) {
            self.add(name);
        }
    }

    /// `enumerable: true,` if it is there, then a value or a getter that only returns a binding or a member of one: what reading
    /// another one does is not known.
    fn is_safe_property(&self, mut at: usize) -> bool {
        if self.word(at) == Some("enumerable") {
            if !self.words(at + 1, &[":", "true", ","]) {
                return false;
            }
            at += 4;
        }
        match self.word(at) {
            Some("value") => self.is(at + 1, ':'),
            Some("get") => self.is_simple_getter(at + 1),
            _ => false,
        }
    }

    /// `: function name() { return x.y; } })` or `() { return x['y']; } })`.
    fn is_simple_getter(&self, mut at: usize) -> bool {
        if self.words(at, &[":", "function"]) {
            at += 2;
            if self.word(at).is_some() {
                at += 1;
            }
        }
        if !self.words(at, &["(", ")", "{", "return"]) || self.word(at + 4).is_none() {
            return false;
        }
        at += 5;
        if self.is(at, '.') && self.word(at + 1).is_some() {
            at += 2;
        } else if self.is(at, '[') && self.text(at + 1).is_some() && self.is(at + 2, ']') {
            at += 3;
        }
        if self.is(at, ';') {
            at += 1;
        }
        if !self.is(at, '}') {
            return false;
        }
        at += 1;
        if self.is(at, ',') {
            at += 1;
        }
        self.words(at, &["}", ")"])
    }

    /// Inside such a loop: `Object.defineProperty(exports, key, { …, get: function () { return _x[key]; } })`.
    fn define_keys(&mut self, key: &str, at: usize) {
        const REACH: usize = 24;
        let from = (at..at + REACH).find_map(|at| {
            let is_return = self.word(at) == Some("return")
                && self.is(at + 2, '[')
                && self.word(at + 3) == Some(key)
                && self.is(at + 4, ']');
            is_return.then(|| self.word(at + 1)).flatten()
        });
        if let Some(from) = from {
            self.reexport_of(from);
        }
    }

    /// TypeScript's `__exportStar(require('x'), exports)` and its kin.
    fn export_star(&mut self, at: usize) {
        if !self.is(at + 1, '(') {
            return;
        }
        if let Some((specifier, _)) = self.require(at + 2) {
            self.add_reexport(specifier);
        }
    }

    /// Babel's loop: `Object.keys(_x).forEach(function (key) { … exports[key] = _x[key]; })` with `var _x = require('x')`.
    fn key_loop(&mut self, _start: usize, at: usize) {
        let Some(key) = self.word(at + 1) else { return };
        if !self.is(at + 2, ']') {
            return;
        }
        // Directly `= _x[key]`, or inside `Object.defineProperty(exports, key, { get: … _x[key] })`, which has no bracket here.
        let Some(from) = self.is(at + 3, '=').then(|| self.word(at + 4)).flatten() else {
            return;
        };
        if self.is(at + 5, '[') && self.word(at + 6) == Some(key) {
            self.reexport_of(from);
        }
    }

    /// Collects every `name = require('x')`.
    fn find_bindings(&mut self) {
        for at in 1..self.tokens.len() {
            if self.bindings.len() == BINDINGS {
                return;
            }
            if self.is(at, '=')
                && let Some(name) = self.word(at - 1)
                && let Some((specifier, _)) = self.require(at + 1)
            {
                self.bindings.entry(name).or_insert(specifier);
            }
        }
    }

    /// The exports of the module that is bound to a name are exports too.
    fn reexport_of(&mut self, name: &str) {
        if let Some(specifier) = self.bindings.get(name).copied() {
            self.add_reexport(specifier);
        }
    }
}

/// Words after which a slash begins a regular expression.
const BEFORE_REGEXP: &[&str] = &[
    "return",
    "typeof",
    "case",
    "do",
    "else",
    "in",
    "instanceof",
    "new",
    "void",
    "delete",
    "throw",
    "await",
    "yield",
    "of",
];

fn tokenize(source: &str) -> Vec<Token<'_>> {
    let bytes = source.as_bytes();
    let mut tokens = Vec::new();
    let mut at = if source.starts_with("#!") {
        source.find('\n').unwrap_or(source.len())
    } else {
        0
    };
    // For each open parenthesis, whether it follows `if`, `while`, `for` or `with`: a slash after its end is a regular expression.
    let mut parentheses = Vec::new();
    let mut last_was_condition = false;
    let mut braces = Vec::new();
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied();
        match byte {
            b'/' if next == Some(b'/') => at = end_of_line(bytes, at),
            b'/' if next == Some(b'*') => {
                at = source
                    .get(at + 2..)
                    .and_then(|rest| rest.find("*/"))
                    .map_or(bytes.len(), |end| at + end + 4)
            }
            b'/' if regexp_may_begin(tokens.last(), last_was_condition) => {
                at = end_of_regexp(bytes, at);
                tokens.push(Token::Value);
            }
            b'\'' | b'"' => {
                let (text, end) = string(source, at);
                tokens.push(Token::Text(text));
                at = end;
            }
            b'`' => at = template_text(bytes, at + 1, &mut tokens, &mut braces),
            b'}' if braces.pop() == Some(Brace::Substitution) => {
                at = template_text(bytes, at + 1, &mut tokens, &mut braces);
            }
            b'0'..=b'9' => {
                at += bytes
                    .iter()
                    .skip(at)
                    .take_while(|byte| {
                        byte.is_ascii_alphanumeric() || **byte == b'.' || **byte == b'_'
                    })
                    .count();
                tokens.push(Token::Value);
            }
            _ if is_word(byte) => {
                let end = at
                    + bytes
                        .iter()
                        .skip(at)
                        .take_while(|byte| is_word(**byte))
                        .count();
                if let Some(word) = source.get(at..end) {
                    tokens.push(Token::Word(word));
                }
                at = end;
            }
            _ if byte.is_ascii_whitespace() => at += 1,
            _ => {
                if byte == b'{' {
                    braces.push(Brace::Plain);
                } else if byte == b'(' {
                    parentheses.push(matches!(
                        tokens.last(),
                        Some(Token::Word("if" | "while" | "for" | "with"))
                    ));
                } else if byte == b')' {
                    last_was_condition = parentheses.pop().unwrap_or(false);
                }
                tokens.push(Token::Punct(char::from(byte)));
                at += 1;
            }
        }
    }
    tokens
}

/// What an open brace is.
#[derive(Clone, Copy, PartialEq)]
enum Brace {
    Plain,
    /// `${` in a template, whose text goes on after the closing brace.
    Substitution,
}

/// Reads a template's text from `at`, up to its end or its next substitution, and says where the scan goes on.
fn template_text(
    bytes: &[u8],
    at: usize,
    tokens: &mut Vec<Token<'_>>,
    braces: &mut Vec<Brace>,
) -> usize {
    let (end, is_substitution) = end_of_template_text(bytes, at);
    if is_substitution {
        braces.push(Brace::Substitution);
        tokens.push(Token::Punct('{'));
    } else {
        tokens.push(Token::Value);
    }
    end
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn regexp_may_begin(last: Option<&Token<'_>>, last_was_condition: bool) -> bool {
    match last {
        None => true,
        Some(Token::Word(word)) => BEFORE_REGEXP.contains(word),
        Some(Token::Punct(')')) => last_was_condition,
        Some(Token::Punct(']')) | Some(Token::Text(_) | Token::Value) => false,
        Some(Token::Punct(_)) => true,
    }
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes
        .iter()
        .skip(at)
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |end| at + end)
}

fn end_of_regexp(bytes: &[u8], start: usize) -> usize {
    let mut in_class = false;
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            // It was a division after all.
            b'\n' => return start + 1,
            b'/' if !in_class => {
                return at
                    + 1
                    + bytes
                        .iter()
                        .skip(at + 1)
                        .take_while(|byte| is_word(**byte))
                        .count();
            }
            _ => {}
        }
        at += 1;
    }
    start + 1
}

/// Where the text of a template that goes on at `at` ends: behind its last backtick, or behind the `${` of a substitution, which
/// is the flag.
fn end_of_template_text(bytes: &[u8], mut at: usize) -> (usize, bool) {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'`' => return (at + 1, false),
            b'$' if bytes.get(at + 1) == Some(&b'{') => return (at + 2, true),
            _ => {}
        }
        at += 1;
    }
    (bytes.len(), false)
}

/// The value of a string literal, and where it ends. What is not well-formed (half a surrogate pair) becomes U+FFFD.
fn string(source: &str, start: usize) -> (String, usize) {
    let quote = source.as_bytes().get(start).copied().map(char::from);
    let mut units: Vec<u16> = Vec::new();
    let push = |units: &mut Vec<u16>, char: char| {
        units.extend_from_slice(char.encode_utf16(&mut [0; 2]));
    };
    let mut chars = source.get(start + 1..).unwrap_or_default().char_indices();
    let mut end = source.len();
    while let Some((offset, char)) = chars.next() {
        if Some(char) == quote || char == '\n' {
            end = start + 1 + offset + char.len_utf8();
            break;
        }
        if char != '\\' {
            push(&mut units, char);
            continue;
        }
        match chars.next().map(|(_, char)| char) {
            Some('n') => push(&mut units, '\n'),
            Some('t') => push(&mut units, '\t'),
            Some('r') => push(&mut units, '\r'),
            Some('x') => push_code(&mut units, &mut chars, 2),
            Some('u') => push_code(&mut units, &mut chars, 4),
            Some('\n') | None => {}
            Some(other) => push(&mut units, other),
        }
    }
    (String::from_utf16_lossy(&units), end)
}

fn push_code(units: &mut Vec<u16>, chars: &mut std::str::CharIndices<'_>, digits: usize) {
    let rest = chars.as_str();
    let code = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((hex, _)) if digits == 4 => {
            let code = u32::from_str_radix(hex, 16).ok();
            chars.nth(hex.chars().count() + 1);
            code
        }
        _ => {
            let code = rest
                .get(..digits)
                .and_then(|hex| u32::from_str_radix(hex, 16).ok());
            if code.is_some() {
                chars.nth(digits - 1);
            }
            code
        }
    };
    let Some(code) = code else { return };
    match (u16::try_from(code), char::from_u32(code)) {
        // Also half a pair; its other half may follow.
        (Ok(unit), _) => units.push(unit),
        (Err(_), Some(char)) => units.extend_from_slice(char.encode_utf16(&mut [0; 2])),
        (Err(_), None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn names(source: &str) -> Vec<String> {
        parse(source).names
    }

    #[test]
    fn assignments_and_definitions_are_found() {
        assert_eq!(
            names(
                "exports.a = 1; module.exports.b = 2; exports['c-d'] = 3; exports.e == 4; x.exports.f = 1"
            ),
            ["a", "b", "c-d", "e"]
        );
        let source = "Object.defineProperty(exports, '__esModule', { value: true });
            Object.defineProperty(exports, \"g\", { enumerable: true, get: function () { return x.g; } });";
        assert_eq!(names(source), ["__esModule", "g"]);
    }

    #[test]
    fn a_getter_counts_if_it_only_returns_a_member() {
        let define = |rest: &str| format!("Object.defineProperty(exports, 'x', {rest});");
        for safe in [
            "{ get() { return a } }",
            "{ enumerable: true, get: function get() { return a.b; } }",
            "{ enumerable: true, get: function () { return a['b']; }, }",
            "{ enumerable: true, value: 1 }",
        ] {
            assert_eq!(names(&define(safe)), ["x"], "{safe}");
        }
        for not_safe in [
            "{ get() { warn(); return a; } }",
            "{ enumerable: true, get: function () { return (0, a.b); } }",
            "{ enumerable: true, get: () => a }",
            "{ enumerable: false, get() { return a } }",
            "{ enumerable: true, get() { return a }, set(value) {} }",
        ] {
            assert!(names(&define(not_safe)).is_empty(), "{not_safe}");
        }
    }

    #[test]
    fn templates_nest_to_any_depth() {
        assert_eq!(
            names(
                "`${ `${ '`' }` } } exports.a = 1`; `${ (() => { exports.b = 1 })() } exports.c = 1`; exports.d = 1"
            ),
            ["b", "d"]
        );
        let deep = "`${".repeat(200_000) + &"}`".repeat(200_000) + "; exports.e = 1";
        assert_eq!(names(&deep), ["e"]);
    }

    #[test]
    fn object_literals_end_at_the_first_complex_value() {
        assert_eq!(
            names("module.exports = { a, 'b': c, d: e.f, g }"),
            ["a", "b", "d"]
        );
        assert!(names("module.exports = { a: 'x', b }").is_empty());
        assert_eq!(names("module.exports = { a, get b() {}, c }"), ["a"]);
        assert_eq!(
            parse("module.exports = { a: require('a'), b: require('b') }").reexports,
            ["a"]
        );
        assert_eq!(
            names(r"exports['\u{D83C}\u{DF10}'] = 1; exports['\u{D83C}'] = 2;"),
            ["\u{1F310}"]
        );
        assert_eq!(names("0 && (module.exports = { x, y })"), ["x", "y"]);
    }

    #[test]
    fn reexports_are_found() {
        assert_eq!(
            parse("module.exports = require('./dist/x.js')").reexports,
            ["./dist/x.js"]
        );
        assert_eq!(
            parse("tslib_1.__exportStar(require('./a'), exports); __export(require('./b'))")
                .reexports,
            ["./a", "./b"]
        );
        let babel = "var _a = require('./a'); Object.keys(_a).forEach(function (key) { if (key === 'default') return; exports[key] = _a[key]; });";
        assert_eq!(parse(babel).reexports, ["./a"]);
        assert_eq!(
            parse("module.exports = { ...require('a'), b }").reexports,
            ["a"]
        );
    }

    #[test]
    fn comments_strings_and_regular_expressions_hide_nothing_and_show_nothing() {
        assert_eq!(
            names(
                "// exports.a = 1\n/* exports.b = 1 */ 'exports.c = 1'; `exports.d = 1`; /exports.e = '/.test(x); exports.f = 1"
            ),
            ["f"]
        );
        assert_eq!(names("a = b / c; exports.g = 1 / 2"), ["g"]);
    }
}
