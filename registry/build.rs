//! Turns the data of this folder into static tables: `base/`, `packages/`, `wasm/` to `$OUT_DIR/tables.rs`.
//!
//! Every file is taken in by `include_bytes!`, so that a program that uses the crate needs nothing beside it. Modules and packs
//! stay compressed. What is wrong in the data (a module without a row in SOURCE.toml, two files at one path) ends the build.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::{Table, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    for folder in ["base", "packages", "wasm"] {
        println!("cargo::rerun-if-changed={}", here.join(folder).display());
    }
    let mut tables = Tables {
        here: here.clone(),
        made_by: read_source(&here)?,
        statics: String::new(),
        files: 0,
    };
    let base = tables.base()?;
    let mut packages = String::new();
    let mut taken = BTreeMap::new();
    let mut manifests: Vec<PathBuf> = fs::read_dir(here.join("packages"))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    manifests.sort();
    for manifest in manifests
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
    {
        let row = tables
            .package(manifest, &mut taken)
            .map_err(|why| format!("{}: {why}", manifest.display()))?;
        packages.push_str(&row);
    }
    let text = format!(
        "{}\npub(crate) static BASE: &[Entry] = &[\n{base}];\npub(crate) static PACKAGES: &[Package] = &[\n{packages}];\npub(crate) static FILES: &[&EmbeddedFile] = &[{}];\n",
        tables.statics,
        (0..tables.files)
            .map(|n| format!("&FILE_{n}, "))
            .collect::<String>(),
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("tables.rs"), text)?;
    Ok(())
}

/// The rows of `wasm/SOURCE.toml` by file name.
fn read_source(here: &Path) -> Outcome<BTreeMap<String, Table>> {
    let table = read(&here.join("wasm/SOURCE.toml"))?;
    let rows = list(&table, "module").iter().filter_map(Value::as_table);
    rows.map(|row| Ok((text(row, "file")?.to_owned(), row.clone())))
        .collect()
}

struct Tables {
    here: PathBuf,
    made_by: BTreeMap<String, Table>,
    statics: String,
    files: usize,
}

impl Tables {
    fn base(&mut self) -> Outcome<String> {
        let table = read(&self.here.join("base/base.toml"))?;
        let mut rows = String::new();
        for row in list(&table, "directories")
            .iter()
            .filter_map(Value::as_table)
        {
            rows.push_str(&entry(
                text(row, "path")?,
                number(row, "mode")?,
                owner(row)?,
                "Content::Directory",
            ));
        }
        for row in list(&table, "files").iter().filter_map(Value::as_table) {
            rows.push_str(&self.inline(row)?);
        }
        for row in list(&table, "links").iter().filter_map(Value::as_table) {
            rows.push_str(&link(text(row, "path")?, text(row, "to")?));
        }
        Ok(rows)
    }

    /// One package: its modules with their aliases, its files, its pack; `taken` guards that a path has one owner.
    fn package(
        &mut self,
        manifest: &Path,
        taken: &mut BTreeMap<String, String>,
    ) -> Outcome<String> {
        let table = read(manifest)?;
        let name = text(&table, "name")?;
        let mut rows: BTreeMap<String, String> = BTreeMap::new();
        for module in list(&table, "module").iter().filter_map(Value::as_table) {
            let path = text(module, "path")?;
            let content = self.module(text(module, "file")?)?;
            rows.insert(path.to_owned(), entry(path, 0o755, (0, 0), &content));
            let (folder, target) = path.rsplit_once('/').ok_or("a path without a slash")?;
            for alias in list(module, "aliases").iter().filter_map(Value::as_str) {
                let at = format!("{folder}/{alias}");
                rows.insert(at.clone(), link(&at, target));
            }
        }
        for file in list(&table, "file").iter().filter_map(Value::as_table) {
            rows.insert(text(file, "path")?.to_owned(), self.inline(file)?);
        }
        if let Some(pack) = table.get("pack").and_then(Value::as_str) {
            self.pack(pack, &mut rows)?;
        }
        // what scripts call by its other name: /usr/bin/env and so on
        let commands: Vec<String> = rows
            .keys()
            .filter_map(|p| p.strip_prefix("/bin/"))
            .map(str::to_owned)
            .collect();
        for command in &commands {
            let at = format!("/usr/bin/{command}");
            rows.insert(at.clone(), link(&at, &format!("../../bin/{command}")));
        }
        for path in rows.keys() {
            if let Some(other) = taken.insert(path.clone(), name.to_owned()) {
                return Err(format!("{path} belongs to {other}").into());
            }
        }
        let mut folders = BTreeSet::new();
        for path in rows.keys() {
            let parents = Path::new(path)
                .ancestors()
                .skip(1)
                .filter_map(Path::to_str)
                .filter(|p| *p != "/");
            folders.extend(parents.map(str::to_owned));
        }
        let folders: String = folders
            .iter()
            .map(|path| entry(path, 0o755, (0, 0), "Content::Directory"))
            .collect();
        let mut row = String::from("    Package {");
        for key in [
            "name", "version", "summary", "licence", "upstream", "source",
        ] {
            write!(row, " {key}: {:?},", text(&table, key)?)?;
        }
        writeln!(
            row,
            " commands: &{commands:?}, entries: &[\n{folders}{}] }},",
            rows.into_values().collect::<String>()
        )?;
        Ok(row)
    }

    fn inline(&self, row: &Table) -> Outcome<String> {
        let from = self.here.join("base").join(text(row, "from")?);
        let content = format!("Content::Inline(include_bytes!({:?}))", existing(&from)?);
        Ok(entry(
            text(row, "path")?,
            number(row, "mode")?,
            owner(row)?,
            &content,
        ))
    }

    fn module(&mut self, file: &str) -> Outcome<String> {
        let row = self
            .made_by
            .get(file)
            .ok_or_else(|| format!("{file} has no row in wasm/SOURCE.toml"))?
            .clone();
        let bytes = format!(
            "include_bytes!({:?})",
            existing(&self.here.join("wasm").join(file))?
        );
        self.embedded(file, text(&row, "digest")?, number(&row, "size")?, &bytes)
    }

    /// The files of a pack: one zstd frame each, at the places its index names.
    fn pack(&mut self, pack: &str, rows: &mut BTreeMap<String, String>) -> Outcome<()> {
        if !self.made_by.contains_key(pack) {
            return Err(format!("{pack} has no row in wasm/SOURCE.toml").into());
        }
        let blob = self.here.join("wasm").join(pack);
        let index = read(&self.here.join("wasm").join(format!("{pack}.toml")))?;
        let whole = format!("PACK_{}", self.files);
        writeln!(
            self.statics,
            "static {whole}: &[u8] = include_bytes!({:?});",
            existing(&blob)?
        )?;
        for file in list(&index, "files").iter().filter_map(Value::as_table) {
            let path = text(file, "path")?;
            if let Some(target) = file.get("link").and_then(Value::as_str) {
                rows.insert(path.to_owned(), link(path, target));
                continue;
            }
            if file.contains_key("directory") {
                rows.insert(
                    path.to_owned(),
                    entry(path, 0o755, (0, 0), "Content::Directory"),
                );
                continue;
            }
            let (at, length) = (number(file, "at")?, number(file, "length")?);
            let bytes = format!("{whole}.split_at({at}).1.split_at({length}).0");
            let content =
                self.embedded(path, text(file, "digest")?, number(file, "size")?, &bytes)?;
            rows.insert(
                path.to_owned(),
                entry(path, number(file, "mode")?, (0, 0), &content),
            );
        }
        Ok(())
    }

    fn embedded(&mut self, name: &str, digest: &str, size: i64, bytes: &str) -> Outcome<String> {
        let number = self.files;
        self.files += 1;
        let digest: Vec<u8> = (0..32)
            .map(|i| {
                digest
                    .get(2 * i..2 * i + 2)
                    .ok_or("a short digest")
                    .and_then(|hex| u8::from_str_radix(hex, 16).map_err(|_| "a digest not in hex"))
            })
            .collect::<Result<_, _>>()?;
        writeln!(
            self.statics,
            "static FILE_{number}: EmbeddedFile = EmbeddedFile::new({name:?}, Digest({digest:?}), {size}, {bytes});"
        )?;
        Ok(format!("Content::Embedded(&FILE_{number})"))
    }
}

fn entry(path: &str, mode: i64, (uid, gid): (i64, i64), content: &str) -> String {
    format!(
        "        Entry {{ path: {path:?}, mode: 0o{mode:o}, uid: {uid}, gid: {gid}, content: {content} }},\n"
    )
}

fn link(path: &str, target: &str) -> String {
    entry(
        path,
        0o777,
        (0, 0),
        &format!("Content::Symlink({target:?})"),
    )
}

fn owner(row: &Table) -> Outcome<(i64, i64)> {
    let id = |key| {
        if row.contains_key(key) {
            number(row, key)
        } else {
            Ok(0)
        }
    };
    Ok((id("uid")?, id("gid")?))
}

fn read(path: &Path) -> Outcome<Table> {
    let text = fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    text.parse()
        .map_err(|why| format!("{}: {why}", path.display()).into())
}

fn existing(path: &Path) -> Outcome<String> {
    if path.is_file() {
        Ok(path.display().to_string())
    } else {
        Err(format!("{} is not there", path.display()).into())
    }
}

fn text<'a>(row: &'a Table, key: &str) -> Outcome<&'a str> {
    row.get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("no text `{key}`").into())
}

fn number(row: &Table, key: &str) -> Outcome<i64> {
    row.get(key)
        .and_then(Value::as_integer)
        .ok_or_else(|| format!("no number `{key}`").into())
}

fn list<'a>(row: &'a Table, key: &str) -> &'a [Value] {
    row.get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
