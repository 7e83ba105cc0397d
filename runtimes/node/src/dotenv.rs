//! The format of `.env` files. Node: `src/node_dotenv.cc`.

/// Parses `NAME=value` lines: comments, `export `, single, double and back quotes (double ones know `\n`).
pub(crate) fn parse(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\r\n", "\n");
    let mut rest = text.trim();
    let mut pairs: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let (line, after_line) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim_start();
        let Some((key, value)) = trimmed
            .split_once('=')
            .filter(|_| !trimmed.starts_with('#'))
        else {
            rest = after_line.trim_start();
            continue;
        };
        let key = key.trim();
        let key = key.strip_prefix("export ").unwrap_or(key).trim();
        let value = value.trim_start_matches([' ', '\t']);
        let quote = value
            .chars()
            .next()
            .filter(|char| matches!(char, '"' | '\'' | '`'));
        let quoted = quote.and_then(|quote| {
            // A quoted value may run over several lines.
            let start = rest.len()
                - (after_line.len() + usize::from(rest.len() > line.len()))
                - value.len()
                + quote.len_utf8();
            let body = rest.get(start..)?;
            let end = body.find(quote)?;
            Some((quote, body.get(..end)?, body.get(end + quote.len_utf8()..)?))
        });
        let value = match quoted {
            Some((quote, body, after)) => {
                rest = after
                    .split_once('\n')
                    .map_or("", |(_, next)| next)
                    .trim_start();
                if quote == '"' {
                    body.replace("\\n", "\n")
                } else {
                    body.to_owned()
                }
            }
            None => {
                rest = after_line.trim_start();
                value
                    .split_once('#')
                    .map_or(value, |(value, _)| value)
                    .trim()
                    .to_owned()
            }
        };
        if !key.is_empty() {
            pairs.retain(|(name, _)| name != key);
            pairs.push((key.to_owned(), value));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quotes_comments_and_exports_are_understood() {
        let text = "A=1\n# no\nexport B = two words # c\nC=\"x\\ny\"\nD='a\nb'\nE=\nA=3";
        let expected = [
            ("B", "two words"),
            ("C", "x\ny"),
            ("D", "a\nb"),
            ("E", ""),
            ("A", "3"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(parse(text), expected);
    }
}
