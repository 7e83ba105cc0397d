//! Code that came as text under the name of a file: how node is told. See `named_code.mjs`.

use serde_json::json;

use crate::Error;
use crate::call::ModuleType;

/// What node runs first.
const HOOK: &str = include_str!("named_code.mjs");

/// Node's arguments that run `code` as the file `filename`; the code's own follow them.
pub(crate) fn arguments(code: &str, module: ModuleType, filename: &str) -> Vec<Vec<u8>> {
    let format = match module {
        ModuleType::Module => "module",
        ModuleType::CommonJs => "commonjs",
    };
    let told = json!({ "filename": filename, "format": format, "source": code });
    let mut url = b"data:text/javascript,".to_vec();
    escape(HOOK, &mut url);
    url.push(b'#');
    escape(&told.to_string(), &mut url);
    vec![b"--import".to_vec(), url, filename.as_bytes().to_vec()]
}

/// Whether a name can be a file's.
pub(crate) fn check(filename: &str) -> Result<(), Error> {
    if filename.starts_with('/') && !filename.contains('\0') {
        return Ok(());
    }
    Err(Error::Option {
        option: "filename",
        reason: format!("`{filename}` is not an absolute path in the machine"),
    })
}

/// Percent-encodes what is not plain.
fn escape(text: &str, into: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            into.push(byte);
            continue;
        }
        let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or(b'0');
        into.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_letters_and_digits_is_escaped() {
        let mut out = Vec::new();
        escape("a1 é\n", &mut out);
        assert_eq!(out, b"a1%20%C3%A9%0A");
    }
}
