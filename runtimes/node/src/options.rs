//! The command line of `node`: [`CommandLine`], parsed as Node parses it, with Node's own option table and defaults.
//!
//! The tables come from the real binary (`data/cli-options.json`, `data/cli-info.json`). V8's own options are those of
//! `v8_options`. Node: `src/node_options.cc`, src/node_options-inl.h.

use std::collections::HashMap;

use crate::config_file::{ConfigWords, DEFAULT_NAME};
use crate::shapes::{CLI_ALIASES, CLI_INFO, CLI_OPTIONS, Shape};
use crate::v8_options::{Meaning, V8Option};

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OptionValue {
    Boolean(bool),
    Number(f64),
    Text(String),
    List(Vec<String>),
    HostPort { host: String, port: u16 },
}

/// A parsed command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandLine {
    /// The program's own path, `process.execPath`.
    pub(crate) exec_path: String,
    /// What argv[0] was.
    pub(crate) argv0: String,
    /// Node's own arguments, `process.execArgv`.
    pub(crate) exec_argv: Vec<String>,
    /// The script and its arguments.
    pub(crate) rest: Vec<String>,
    /// What differs from the defaults.
    values: HashMap<String, OptionValue>,
    /// V8's options that have a meaning for one isolate, as given.
    v8: HashMap<String, String>,
    /// Options without an effect, of which the user may expect one.
    without_effect: Vec<String>,
    /// `--cenote-return-fd`: where `__return(value)` writes its JSON.
    pub(crate) return_fd: Option<i32>,
}

/// Why a worker's options were refused.
#[derive(Debug)]
pub(crate) enum WrongWorkerOptions {
    ExecArgv(Vec<String>),
    NodeOptions(Vec<String>),
}

/// Options of the whole process, which a worker cannot have. Node: `PerProcessOptionsParser`.
const PROCESS_WIDE: &[&str] = &[
    "--title",
    "--v8-pool-size",
    "--zero-fill-buffers",
    "--debug-arraybuffer-allocations",
    "--disable-proto",
    "--node-snapshot",
    "--snapshot-blob",
    "--build-snapshot",
    "--build-snapshot-config",
    "--security-revert",
    "--completion-bash",
    "--help",
    "--version",
    "--v8-options",
    "--experimental-sea-config",
    "--build-sea",
    "--run",
    "--icu-data-dir",
    "--openssl-config",
    "--tls-cipher-list",
    "--use-openssl-ca",
    "--use-bundled-ca",
    "--use-system-ca",
    "--enable-fips",
    "--force-fips",
    "--secure-heap",
    "--secure-heap-min",
    "--openssl-legacy-provider",
    "--openssl-shared-config",
    "--disable-wasm-trap-handler",
    "--use-largepages",
    "--trace-sigint",
    "--trace-event-categories",
    "--trace-event-file-pattern",
    "--report-compact",
    "--report-dir",
    "--report-directory",
    "--report-filename",
    "--report-on-fatalerror",
    "--report-exclude-network",
    "--node-memory-debug",
    "--verify-base-objects",
];

fn is_process_wide(name: &str) -> bool {
    let positive = name
        .strip_prefix("--no-")
        .map_or_else(|| name.to_owned(), |rest| format!("--{rest}"));
    PROCESS_WIDE.contains(&positive.as_str())
}

/// Why options of V8's are not one program's.
const V8_IS_SHARED: &str =
    "V8's options are those of the whole host process, which runs other programs too";

const CONFIG_FILE: &str = "--experimental-config-file";

const NO_OP: u8 = 0;
const V8_OPTION: u8 = 1;
const BOOLEAN: u8 = 2;
const INTEGER: u8 = 3;
const UINTEGER: u8 = 4;
const HOST_PORT: u8 = 6;
const STRING_LIST: u8 = 7;
const ALLOWED_IN_ENVIRONMENT: u8 = 0;

/// Internal: the descriptor `__return` writes to. Not in Node; set by the SDK.
const RETURN_FD: &str = "--cenote-return-fd=";

impl CommandLine {
    /// Parses `argv` (with the program's name first) and `NODE_OPTIONS`.
    ///
    /// # Errors
    /// The text `node` prints before it exits with status 9.
    pub(crate) fn parse(
        exec_path: &str,
        argv: &[String],
        node_options: Option<&str>,
        config: ConfigWords,
    ) -> Result<Self, String> {
        let mut line = Self {
            exec_path: exec_path.to_owned(),
            argv0: argv.first().cloned().unwrap_or_default(),
            ..Self::default()
        };
        line.add_config(config)?;
        if let Some(text) = node_options {
            let words =
                split_node_options(text).map_err(|error| format!("{}: {error}\n", line.argv0))?;
            let end = words.iter().find(|word| *word == "--").cloned();
            let rest = line.parse_words(words, true)?;
            if let Some(word) = rest.first().or(end.as_ref()) {
                return Err(format!(
                    "{}: {word} is not allowed in NODE_OPTIONS\n",
                    line.argv0
                ));
            }
        }
        let words: Vec<String> = argv.iter().skip(1).cloned().collect();
        let count = words.len();
        let rest = line.parse_words(words.clone(), false)?;
        let own = count.saturating_sub(rest.len());
        line.exec_argv = words
            .into_iter()
            .take(own)
            .filter(|word| !word.starts_with(RETURN_FD) && word != "--")
            .collect();
        line.rest = rest;
        line.check()?;
        line.imply();
        Ok(line)
    }

    /// What a configuration file says comes first: the environment and the command line say otherwise.
    fn add_config(&mut self, config: ConfigWords) -> Result<(), String> {
        // One word must not become two. Node puts them into one text, and counts what that splits into.
        let is_plain = |word: &String| {
            split_node_options(word).is_ok_and(|words| matches!(words.as_slice(), [_]))
        };
        if !config.general.iter().all(is_plain) {
            return Err(format!(
                "{}: The number of NODE_OPTIONS doesn't match the number of flags in the config file\n",
                self.argv0
            ));
        }
        self.parse_words(config.general, true)?;
        self.parse_words(config.scoped, false)?;
        Ok(())
    }

    /// The command line of a worker of this one: the same; or, if it was given options of its own (`execArgv`, or
    /// `NODE_OPTIONS` in its environment), the defaults with these. Options of the whole process stay.
    ///
    /// # Errors
    /// The words that are wrong, of the kind that is.
    pub(crate) fn for_worker(
        &self,
        exec_argv: Option<Vec<String>>,
        node_options: Option<&str>,
    ) -> Result<Self, WrongWorkerOptions> {
        let mut line = self.clone();
        line.rest.clear();
        line.return_fd = None;
        if exec_argv.is_none() && node_options.is_none() {
            // A debugger of the process waits for its main thread; it says itself which workers are to wait.
            for option in [
                "--inspect",
                "--inspect-brk",
                "--inspect-wait",
                "--inspect-brk-node",
            ] {
                line.set_boolean(option, false);
            }
            return Ok(line);
        }
        line.values.retain(|name, _| is_process_wide(name));
        if let Some(text) = node_options {
            let words = split_node_options(text)
                .map_err(|error| WrongWorkerOptions::NodeOptions(vec![error.to_owned()]))?;
            line.add_worker_words(words, true)
                .map_err(WrongWorkerOptions::NodeOptions)?;
        }
        if let Some(words) = exec_argv {
            let options = words.iter().take_while(|word| *word != "--");
            line.exec_argv = options.cloned().collect();
            line.add_worker_words(words, false)
                .map_err(WrongWorkerOptions::ExecArgv)?;
        }
        Ok(line)
    }

    fn add_worker_words(
        &mut self,
        words: Vec<String>,
        is_environment: bool,
    ) -> Result<(), Vec<String>> {
        let mut words: std::collections::VecDeque<String> = words.into();
        let (mut errors, mut unknown) = (Vec::new(), Vec::new());
        while let Some(word) = words.pop_front() {
            if !word.starts_with('-') || word == "-" || word == "--" {
                break;
            }
            let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
            let info = find_info(name);
            let is_v8 = info.map_or_else(
                || V8Option::parse(&word).is_some(),
                |(_, kind, ..)| *kind == V8_OPTION,
            );
            if is_v8 || is_process_wide(name) {
                // What is in the environment was meant for the process.
                if !is_environment {
                    unknown.push(word);
                }
                continue;
            }
            if let Err(text) = self.parse_option(&word, &mut words, is_environment) {
                if text.contains("bad option") {
                    unknown.push(word);
                } else {
                    let prefix = format!("{}: ", self.argv0);
                    errors.push(text.trim_end().trim_start_matches(&prefix).to_owned());
                }
            }
        }
        match (errors.is_empty(), unknown.is_empty()) {
            (false, _) => Err(errors),
            (true, false) => Err(unknown),
            (true, true) => Ok(()),
        }
    }

    /// Refuses values that Node refuses.
    fn check(&self) -> Result<(), String> {
        const INPUT_TYPES: &[&str] = &[
            "",
            "commonjs",
            "module",
            "commonjs-typescript",
            "module-typescript",
        ];
        if !INPUT_TYPES.contains(&self.text("--input-type").as_str()) {
            let wanted = r#""module","commonjs", "module-typescript" or "commonjs-typescript""#;
            return Err(format!("{}: --input-type must be {wanted}\n", self.argv0));
        }
        let invalid = |name: &str| Err(format!("{}: invalid value for {name}\n", self.argv0));
        self.check_pairs()?;
        self.check_secure_heap()?;
        self.check_possible()?;
        self.check_profiles()?;
        if self.is("--debug") || self.is("--debug-brk") {
            return Err(format!(
                "{}: [DEP0062]: `node --debug` and `node --debug-brk` are invalid. Please use `node --inspect` and `node --inspect-brk` instead.\n",
                self.argv0
            ));
        }
        let published = self.text("--inspect-publish-uid");
        if !published
            .split(',')
            .all(|word| matches!(word, "stderr" | "http"))
        {
            return Err(format!(
                "{}: --inspect-publish-uid destination can be stderr or http\n",
                self.argv0
            ));
        }
        for (name, values) in [
            (
                "--unhandled-rejections",
                &[
                    "",
                    "warn-with-error-code",
                    "throw",
                    "strict",
                    "warn",
                    "none",
                ][..],
            ),
            (
                "--trace-require-module",
                &["", "all", "no-node-modules", "true", "false"],
            ),
            ("--use-largepages", &["", "off", "on", "silent"]),
        ] {
            if !values.contains(&self.text(name).as_str()) {
                return invalid(name);
            }
        }
        if self.is("--test")
            && !["", "process", "none"].contains(&self.text("--test-isolation").as_str())
        {
            return invalid("--test-isolation");
        }
        self.check_heap_percentage()?;
        if self.is("--watch")
            && self.rest.is_empty()
            && !self.is("--test")
            && self.list("--watch-path").is_empty()
        {
            return Err(format!(
                "{}: --watch requires specifying a file\n",
                self.argv0
            ));
        }
        if self
            .given_number("--heapsnapshot-near-heap-limit")
            .is_some_and(|count| count < 0.0)
        {
            return Err(format!(
                "{}: --heapsnapshot-near-heap-limit must not be negative\n",
                self.argv0
            ));
        }
        Ok(())
    }

    /// Refuses options of Node's that come down to options of V8's.
    fn check_possible(&self) -> Result<(), String> {
        for (name, reason) in [
            ("--experimental-shadow-realm", V8_IS_SHARED),
            ("--v8-options", V8_IS_SHARED),
            ("--prof-process", "there are no logs of --prof"),
        ] {
            if self.is(name) {
                return Err(self.refusal(name, reason));
            }
        }
        Ok(())
    }

    /// What Node refuses to start with although the words are right, with the status it ends with: reverted fixes of
    /// vulnerabilities, of which there are none, and a FIPS provider, which there is not.
    pub(crate) fn refused_start(&self) -> Option<(String, u8)> {
        const GENERIC_USER_ERROR: u8 = 1;
        const INVALID_COMMAND_LINE_ARGUMENT_2: u8 = 12;
        if let Some(name) = self.list("--security-revert").first() {
            let text = format!(
                "{}: Error: Attempt to revert an unknown CVE [{name}]\n",
                self.argv0
            );
            return Some((text, INVALID_COMMAND_LINE_ARGUMENT_2));
        }
        if !["", "delete", "throw"].contains(&self.text("--disable-proto").as_str()) {
            let text = format!("{}: invalid mode passed to --disable-proto\n", self.argv0);
            return Some((text, INVALID_COMMAND_LINE_ARGUMENT_2));
        }
        let option = ["--enable-fips", "--force-fips"]
            .into_iter()
            .find(|option| self.is(option))?;
        let text = format!(
            "{}: {option} requires an active OpenSSL provider named \"fips\". FIPS mode is configured through OpenSSL; see https://nodejs.org/api/crypto.html#fips-mode\n",
            self.argv0
        );
        Some((text, GENERIC_USER_ERROR))
    }

    fn check_heap_percentage(&self) -> Result<(), String> {
        let percentage = self.text("--max-old-space-size-percentage");
        let part: f64 = percentage.parse().unwrap_or_default();
        if percentage.is_empty() || (part > 0.0 && part <= 100.0) {
            return Ok(());
        }
        Err(format!(
            "{}: --max-old-space-size-percentage must be greater than 0 and up to 100. Got: {percentage}\n",
            self.argv0
        ))
    }

    /// Refuses sizes of the heap for secrets that are none.
    fn check_secure_heap(&self) -> Result<(), String> {
        let size = self.given_number("--secure-heap").unwrap_or_default();
        if size <= 0.0 {
            return Ok(());
        }
        let mut text = String::new();
        for (name, value) in [
            ("--secure-heap", Some(size)),
            ("--secure-heap-min", self.given_number("--secure-heap-min")),
        ] {
            if value.is_some_and(|value| value.log2().fract() != 0.0) {
                text.push_str(&format!("{}: {name} must be a power of 2\n", self.argv0));
            }
        }
        if text.is_empty() { Ok(()) } else { Err(text) }
    }

    /// Refuses options that exclude each other.
    fn check_pairs(&self) -> Result<(), String> {
        let both = |one: &str, other: &str| {
            Err(format!(
                "{}: either {one} or {other} can be used, not both\n",
                self.argv0
            ))
        };
        let has_eval = self.is("--print") || self.values.contains_key("--eval");
        let is_repl = self.is("--interactive");
        if self.is("--check") && has_eval {
            return both("--check", "--eval");
        }
        for other in ["--use-bundled-ca", "--use-system-ca"] {
            if self.is("--use-openssl-ca") && self.is(other) {
                return both("--use-openssl-ca", other);
            }
        }
        if self.is("--tls-min-v1.3") && self.is("--tls-max-v1.2") {
            return both("--tls-min-v1.3", "--tls-max-v1.2");
        }
        for (mode, is_on) in [
            ("--test", self.is("--test")),
            ("--watch", self.is("--watch")),
        ] {
            if !is_on {
                continue;
            }
            if self.is("--check") {
                return both(mode, "--check");
            }
            if has_eval {
                return both(mode, "--eval");
            }
            if is_repl {
                return both(mode, "--interactive");
            }
        }
        Ok(())
    }

    /// Options of profiles mean nothing without the profile.
    fn check_profiles(&self) -> Result<(), String> {
        for profile in ["--cpu-prof", "--heap-prof"] {
            if self.is(profile) {
                continue;
            }
            for part in ["name", "dir", "interval"] {
                let option = format!("{profile}-{part}");
                // Tests' children are given every option; the default says nothing. Node: `EnvironmentOptions::CheckOptions`.
                let says_something = match (self.values.get(&option), default_of(&option)) {
                    (Some(OptionValue::Number(given)), Some(OptionValue::Number(default))) => {
                        given.total_cmp(&default).is_ne()
                    }
                    (given, _) => given.is_some(),
                };
                if says_something {
                    return Err(format!(
                        "{}: {option} must be used with {profile}\n",
                        self.argv0
                    ));
                }
            }
        }
        Ok(())
    }

    /// A list option.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(OptionValue::List(list)) => list,
            _ => Vec::new(),
        }
    }

    /// Puts a module before those of `--require`.
    pub(crate) fn require_first(&mut self, path: &str) {
        let mut list = self.list("--require");
        list.insert(0, path.to_owned());
        self.values
            .insert("--require".into(), OptionValue::List(list));
    }

    /// A numeric option, if it was given.
    pub(crate) fn given_number(&self, name: &str) -> Option<f64> {
        match self.values.get(name) {
            Some(OptionValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// Options that follow from others.
    fn imply(&mut self) {
        for (given, implied) in [
            ("--test-random-seed", "[has_test_random_seed]"),
            ("--env-file", "[has_env_file_string]"),
            ("--env-file-if-exists", "[has_env_file_string]"),
            ("--use-openssl-ca", "[ssl_openssl_cert_store]"),
        ] {
            if self.values.contains_key(given) {
                self.values
                    .insert(implied.into(), OptionValue::Boolean(true));
            }
        }
        for (given, implied) in [
            ("--inspect-brk", "--inspect"),
            ("--inspect-wait", "--inspect"),
            ("--inspect-brk-node", "--inspect"),
            ("--trace-env-js-stack", "--trace-env"),
            ("--trace-env-native-stack", "--trace-env"),
        ] {
            if self.is(given) {
                self.set_boolean(implied, true);
            }
        }
        if !self.list("--watch-path").is_empty() {
            self.set_boolean("--watch", true);
        }
        // Unless it was said otherwise.
        let maps = "--enable-source-maps";
        if self.is("--experimental-transform-types") && !self.values.contains_key(maps) {
            self.set_boolean(maps, true);
        }
        if (self.is("--permission") || self.is("--permission-audit")) && !self.is("--allow-addons")
        {
            self.set_boolean("--addons", false);
        }
        if self.is("--print") || self.values.contains_key("--eval") {
            self.values
                .insert("[has_eval_string]".into(), OptionValue::Boolean(true));
        }
    }

    /// Options that the environment sets where the command line does not. Node: `HandleEnvOptions`.
    pub(crate) fn add_environment(&mut self, variable: impl Fn(&str) -> Option<String>) {
        const SWITCHES: &[(&str, &str)] = &[
            ("NODE_PENDING_DEPRECATION", "--pending-deprecation"),
            ("NODE_PRESERVE_SYMLINKS", "--preserve-symlinks"),
            ("NODE_PRESERVE_SYMLINKS_MAIN", "--preserve-symlinks-main"),
        ];
        for (name, option) in SWITCHES {
            if variable(name).as_deref() == Some("1") && !self.values.contains_key(*option) {
                self.set_boolean(option, true);
            }
        }
        if self.text("--redirect-warnings").is_empty()
            && let Some(file) = variable("NODE_REDIRECT_WARNINGS")
        {
            self.values
                .insert("--redirect-warnings".into(), OptionValue::Text(file));
        }
    }

    /// Reads options up to the first word that is none; returns what is left.
    fn parse_words(
        &mut self,
        words: Vec<String>,
        is_environment: bool,
    ) -> Result<Vec<String>, String> {
        let mut words: std::collections::VecDeque<String> = words.into();
        while let Some(word) = words.pop_front() {
            if !word.starts_with('-') || word == "-" {
                words.push_front(word);
                break;
            }
            if word == "--" {
                break;
            }
            if let Some(number) = word.strip_prefix(RETURN_FD) {
                self.return_fd = number.parse().ok();
                continue;
            }
            self.parse_option(&word, &mut words, is_environment)?;
        }
        Ok(words.into())
    }

    #[expect(clippy::too_many_lines, reason = "one arm an option")]
    fn parse_option(
        &mut self,
        word: &str,
        words: &mut std::collections::VecDeque<String>,
        is_environment: bool,
    ) -> Result<(), String> {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name, Some(value)),
            _ => (word, None),
        };
        let mut name = if name.starts_with("--") {
            name.replace('_', "-")
        } else {
            name.to_owned()
        };
        if name == "--experimental-default-config-file" && inline.is_some() {
            return Err(format!(
                "{}: {name} does not take an argument\n",
                self.argv0
            ));
        }
        // The opposite of an alias is the opposite of what it stands for.
        if let Some(positive) = name.strip_prefix("--no-")
            && let Some((_, [first])) = CLI_ALIASES
                .iter()
                .find(|(alias, _)| alias.strip_prefix("--") == Some(positive))
            && let Some(meant) = first.strip_prefix("--")
        {
            name = format!("--no-{meant}");
        }
        // Aliases, of which `-p code` is one with an argument.
        for _ in 0..8 {
            let next_is_argument = words.front().is_some_and(|next| !next.starts_with('-'));
            let with_equals = inline.map(|_| format!("{name}="));
            let with_argument = next_is_argument.then(|| format!("{name} <arg>"));
            let found = CLI_ALIASES.iter().find(|(alias, _)| {
                Some(*alias) == with_equals.as_deref()
                    || Some(*alias) == with_argument.as_deref()
                    || *alias == name
            });
            let found = match &with_argument {
                // The more specific one wins: `--print <arg>` over nothing.
                Some(specific) => CLI_ALIASES
                    .iter()
                    .find(|(alias, _)| alias == specific)
                    .or(found),
                None => found,
            };
            let Some((_, expansion)) = found else { break };
            let Some((first, more)) = expansion.split_first() else {
                break;
            };
            if *first == name {
                break;
            }
            for extra in more.iter().rev() {
                words.push_front((*extra).to_owned());
            }
            name = (*first).to_owned();
        }
        let (name, is_negated) = match name.strip_prefix("--no-") {
            Some(positive) if find_info(&format!("--{positive}")).is_some() => {
                (format!("--{positive}"), true)
            }
            _ => (name, false),
        };
        let Some((_, kind, environment, _)) = find_info(&name) else {
            if !is_environment && let Some(option) = V8Option::parse(word) {
                return self.add_v8(word, &option);
            }
            if is_environment {
                return Err(format!(
                    "{}: {word} is not allowed in NODE_OPTIONS\n",
                    self.argv0
                ));
            }
            return Err(format!("{}: bad option: {word}\n", self.argv0));
        };
        if is_environment && *environment != ALLOWED_IN_ENVIRONMENT {
            return Err(format!(
                "{}: {word} is not allowed in NODE_OPTIONS\n",
                self.argv0
            ));
        }
        // What was an option once, and is none any more.
        if *kind == NO_OP {
            return if is_negated {
                Err(self.wrong_negation(word))
            } else {
                Ok(())
            };
        }
        if *kind == BOOLEAN {
            // What stands after `=` is not looked at.
            self.set_boolean(&name, !is_negated);
            return Ok(());
        }
        if *kind == V8_OPTION {
            // Those that Node's library asks for have a value, too.
            if matches!(self.value(&name), Some(OptionValue::Boolean(_))) {
                self.set_boolean(&name, !is_negated);
            }
            return match V8Option::parse(word) {
                Some(option) => self.add_v8(word, &option),
                None => Ok(()),
            };
        }
        if is_negated {
            return Err(self.wrong_negation(word));
        }
        // Its file is named with `=` or not at all.
        if name == CONFIG_FILE && inline.is_none() {
            return self.set_value(&name, *kind, DEFAULT_NAME.to_owned());
        }
        let value = match inline {
            // `--eval=` has no code, which is not the same as empty code.
            Some("") => {
                let given = word.split_inclusive('=').next().unwrap_or(word);
                return Err(format!("{}: {given} requires an argument\n", self.argv0));
            }
            Some(value) => value.to_owned(),
            None => match words.pop_front() {
                // `\-x` gives a value that begins with a dash.
                Some(value) if value.starts_with("\\-") => value.chars().skip(1).collect(),
                Some(value) if value == "-" || !value.starts_with('-') => value,
                _ if name == "--inspect-port" => String::new(),
                _ => return Err(format!("{}: {word} requires an argument\n", self.argv0)),
            },
        };
        self.set_value(&name, *kind, value)
    }

    fn wrong_negation(&self, word: &str) -> String {
        format!(
            "{}: {word} is an invalid negation because it is not a boolean option\n",
            self.argv0
        )
    }

    fn add_v8(&mut self, word: &str, option: &V8Option<'_>) -> Result<(), String> {
        let name = format!("--{}", option.name);
        match option.meaning() {
            Meaning::Honoured if option.is_negated => {
                self.v8.remove(&name);
            }
            Meaning::Honoured => {
                self.v8.insert(name, option.value.to_owned());
            }
            Meaning::Tuning => {}
            Meaning::WithoutEffect => self.without_effect.push(word.to_owned()),
            Meaning::Refused => return Err(self.refusal(word, V8_IS_SHARED)),
        }
        Ok(())
    }

    fn refusal(&self, word: &str, reason: &str) -> String {
        format!("{}: {word} cannot be used here: {reason}\n", self.argv0)
    }

    /// What to say on standard error of options without an effect.
    pub(crate) fn warnings(&self) -> String {
        if !self.is("--warnings") {
            return String::new();
        }
        let words = self.without_effect.iter();
        words.map(|word| Self::without_effect(word)).collect()
    }

    /// What to say of an option of V8's that does nothing.
    pub(crate) fn without_effect(word: &str) -> String {
        format!("Warning: {word} has no effect: {V8_IS_SHARED}\n")
    }

    fn set_boolean(&mut self, name: &str, on: bool) {
        // Two names of one field.
        const SAME: [&str; 2] = ["--experimental-require-module", "--require-module"];
        if SAME.contains(&name) {
            for name in SAME {
                self.set_one(name, on);
            }
        } else {
            self.set_one(name, on);
        }
    }

    fn set_one(&mut self, name: &str, on: bool) {
        self.values
            .insert(name.to_owned(), OptionValue::Boolean(on));
        if let Some(positive) = name.strip_prefix("--") {
            self.values
                .insert(format!("--no-{positive}"), OptionValue::Boolean(!on));
        }
    }

    fn set_value(&mut self, name: &str, kind: u8, value: String) -> Result<(), String> {
        let new = match kind {
            INTEGER | UINTEGER => OptionValue::Number(leading_integer(&value)),
            STRING_LIST => {
                let mut list = match self.values.remove(name) {
                    Some(OptionValue::List(list)) => list,
                    _ => Vec::new(),
                };
                list.push(value);
                OptionValue::List(list)
            }
            HOST_PORT => {
                let (mut host, mut port) = match self.value(name) {
                    Some(OptionValue::HostPort { host, port }) => (host, port),
                    _ => ("127.0.0.1".to_owned(), 9229),
                };
                let (given_host, given_port) = split_host_port(&value);
                if let Some(given) = given_host {
                    host = given;
                }
                if let Some(given) = given_port {
                    port = given.ok_or_else(|| {
                        format!("{}: must be 0 or in range 1024 to 65535.\n", self.argv0)
                    })?;
                }
                OptionValue::HostPort { host, port }
            }
            _ => OptionValue::Text(value),
        };
        self.values.insert(name.to_owned(), new);
        Ok(())
    }

    /// The option's value: as given, or its default.
    pub(crate) fn value(&self, name: &str) -> Option<OptionValue> {
        self.values.get(name).cloned().or_else(|| default_of(name))
    }

    /// Every option with its value.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, OptionValue)> {
        let known = CLI_OPTIONS.iter().map(|(name, shape)| {
            (
                *name,
                self.values
                    .get(*name)
                    .cloned()
                    .unwrap_or_else(|| default_value(shape)),
            )
        });
        let extra = self
            .values
            .iter()
            .filter(|(name, _)| !CLI_OPTIONS.iter().any(|(known, _)| known == name))
            .map(|(name, value)| (name.as_str(), value.clone()));
        known.chain(extra)
    }

    /// Whether a boolean option is on.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.value(name) == Some(OptionValue::Boolean(true))
    }

    /// A text option.
    pub(crate) fn text(&self, name: &str) -> String {
        match self.value(name) {
            Some(OptionValue::Text(text)) => text,
            _ => String::new(),
        }
    }

    /// A V8 option, if it was given.
    pub(crate) fn v8_option(&self, name: &str) -> Option<&str> {
        self.v8.get(name).map(String::as_str)
    }

    /// Which of Node's `internal/main/*` runs. `stdin_is_tty` decides between a prompt and a script from standard input.
    /// Node: `StartExecution` in src/node.cc.
    pub(crate) fn main_script(&self, stdin_is_tty: bool) -> &'static str {
        let script = self.rest.first().map(String::as_str).unwrap_or_default();
        if self.is("--help") {
            "internal/main/print_help"
        } else if self.is("[has_eval_string]") && !self.is("--interactive") {
            "internal/main/eval_string"
        } else if script == "inspect" {
            "internal/main/inspect"
        } else if self.is("--check") {
            "internal/main/check_syntax"
        } else if self.is("--test") {
            "internal/main/test_runner"
        } else if self.is("--watch") {
            "internal/main/watch_mode"
        } else if !script.is_empty() && script != "-" {
            "internal/main/run_main_module"
        } else if self.is("--interactive") || (stdin_is_tty && script != "-") {
            "internal/main/repl"
        } else {
            "internal/main/eval_stdin"
        }
    }
}

/// What a value of an option in a configuration file must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ConfigKind {
    Boolean,
    Integer,
    Unsigned,
    Text,
    List,
    /// An option that does nothing.
    NoOp,
    V8,
}

/// What the value of `name` must be, if a configuration file may have it; those of a namespace may be what `NODE_OPTIONS` must not have.
pub(crate) fn config_kind(name: &str, is_scoped: bool) -> Option<ConfigKind> {
    let (_, kind, environment, _) = find_info(name)?;
    if !is_scoped && *environment != ALLOWED_IN_ENVIRONMENT {
        return None;
    }
    Some(match *kind {
        0 => ConfigKind::NoOp,
        V8_OPTION => ConfigKind::V8,
        BOOLEAN => ConfigKind::Boolean,
        INTEGER => ConfigKind::Integer,
        UINTEGER | HOST_PORT => ConfigKind::Unsigned,
        STRING_LIST => ConfigKind::List,
        _ => ConfigKind::Text,
    })
}

fn find_info(name: &str) -> Option<&'static (&'static str, u8, u8, bool)> {
    CLI_INFO.iter().find(|(candidate, ..)| *candidate == name)
}

/// The text of `--completion-bash`. Node: `GetBashCompletion`.
pub(crate) fn bash_completion() -> String {
    let options = CLI_INFO.iter().map(|(name, ..)| *name);
    let aliases = CLI_ALIASES.iter().map(|(alias, _)| *alias);
    let words: Vec<&str> = options
        .chain(aliases)
        .filter(|name| !name.starts_with('['))
        .collect();
    format!(
        "_node_complete() {{
  local cur_word options
  cur_word=\"${{COMP_WORDS[COMP_CWORD]}}\"
  if [[ \"${{cur_word}}\" == -* ]] ; then
    COMPREPLY=( $(compgen -W '{}' -- \"${{cur_word}}\") )
    return 0
  else
    COMPREPLY=( $(compgen -f \"${{cur_word}}\") )
    return 0
  fi
}}
complete -o filenames -o nospace -o bashdefault -F _node_complete node node_g
",
        words.join(" ")
    )
}

/// What an option is when it is not given.
fn default_of(name: &str) -> Option<OptionValue> {
    CLI_OPTIONS
        .iter()
        .find(|(candidate, _)| *candidate == name)
        .map(|(_, shape)| default_value(shape))
}

fn default_value(shape: &Shape) -> OptionValue {
    match shape {
        Shape::Boolean(flag) => OptionValue::Boolean(*flag),
        Shape::Number(number) => OptionValue::Number(*number),
        Shape::String(text) => OptionValue::Text((*text).to_owned()),
        Shape::Array(items) => OptionValue::List(
            items
                .iter()
                .filter_map(|item| match item {
                    Shape::String(text) => Some((*text).to_owned()),
                    _ => None,
                })
                .collect(),
        ),
        Shape::Object { .. } => OptionValue::HostPort {
            host: "127.0.0.1".into(),
            port: 9229,
        },
        _ => OptionValue::Boolean(false),
    }
}

/// Splits `host`, `port`, `host:port`, `[host]:port`. A port is none if it is no number of those allowed. Node: `SplitHostPort`.
fn split_host_port(text: &str) -> (Option<String>, Option<Option<u16>>) {
    let port = |digits: &str| {
        let number = digits.parse::<u16>().ok();
        number.filter(|port| *port == 0 || *port >= 1024)
    };
    let bare = |host: &str| {
        let inner = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        inner.unwrap_or(host).to_owned()
    };
    if text.is_empty() {
        return (None, None);
    }
    if text.starts_with('[') && text.ends_with(']') {
        return (Some(bare(text)), None);
    }
    match text.rsplit_once(':') {
        Some((host, digits)) => (Some(bare(host)), Some(port(digits))),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => (None, Some(port(text))),
        None => (Some(text.to_owned()), None),
    }
}

/// As C's `strtol`: leading digits, 0 without any.
fn leading_integer(text: &str) -> f64 {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(index, char)| !(char.is_ascii_digit() || (*index == 0 && *char == '-')))
        .map_or(text.len(), |(index, _)| index);
    text.get(..end)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0.0)
}

/// Splits `NODE_OPTIONS` at spaces; double quotes group, a backslash inside them escapes. Node: `ParseNodeOptionsEnvVar`.
fn split_node_options(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut is_in_string = false;
    let mut starts_word = true;
    let mut chars = text.chars();
    while let Some(mut char) = chars.next() {
        if char == '\\' && is_in_string {
            char = chars
                .next()
                .ok_or("invalid value for NODE_OPTIONS (invalid escape)")?;
        } else if char == ' ' && !is_in_string {
            starts_word = true;
            continue;
        } else if char == '"' {
            is_in_string = !is_in_string;
            continue;
        }
        if starts_word {
            words.push(String::new());
            starts_word = false;
        }
        if let Some(word) = words.last_mut() {
            word.push(char);
        }
    }
    if is_in_string {
        Err("invalid value for NODE_OPTIONS (unterminated string)")
    } else {
        Ok(words)
    }
}
