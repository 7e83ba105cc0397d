//! What the server answers over plain HTTP: `/json`, `/json/list`, `/json/version`. Node: `src/inspector_socket_server.cc`.

use super::server::Target;

/// An answer.
pub(super) struct Page {
    pub(super) bytes: Vec<u8>,
    /// The connection ends after it.
    pub(super) is_last: bool,
}

/// The answer to what is no request for a page, or not allowed.
pub(super) fn refusal() -> Page {
    Page {
        bytes: b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/html; charset=UTF-8\r\n\r\nWebSockets request was expected\r\n".to_vec(),
        is_last: true,
    }
}

fn page(status: &str, body: &str) -> Page {
    let length = body.len();
    let text = format!(
        "HTTP/1.0 {status}\r\nContent-Type: application/json; charset=UTF-8\r\nCache-Control: no-cache\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    Page {
        bytes: text.into_bytes(),
        is_last: false,
    }
}

/// What follows a segment of a path, whatever its case.
fn after<'a>(path: &'a str, segment: &str) -> Option<&'a str> {
    let (head, rest) = path.split_at_checked(segment.len())?;
    if !head.eq_ignore_ascii_case(segment) {
        return None;
    }
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}

/// An object as Node prints it.
fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("  \"{name}\": \"{value}\""))
        .collect();
    format!("{{\n{}\n}} ", fields.join(",\n"))
}

/// Text that breaks out of no string.
fn escape(text: &str) -> String {
    text.chars()
        .map(|char| {
            if matches!(char, '"' | '\\') || char.is_control() {
                '_'
            } else {
                char
            }
        })
        .collect()
}

/// The answer to `GET path`. `host` is what the client calls us, `own` what we do.
pub(super) fn answer(path: &str, host: &str, target: &Target, own: &str, publishes: bool) -> Page {
    if !publishes {
        return page("404 OK", "");
    }
    let Some(command) = after(path, "/json") else {
        return refusal();
    };
    if command.is_empty() || after(command, "list").is_some() {
        let host = if host.is_empty() { own } else { host };
        return page("200 OK", &list(target, &escape(host)));
    }
    if after(command, "version").is_some() {
        let version = object(&[
            (
                "Browser",
                format!("node.js/v{}", env!("CENOTE_NODE_VERSION")),
            ),
            ("Protocol-Version", "1.1".into()),
        ]);
        return page("200 OK", &version);
    }
    if after(command, "protocol").is_some() {
        // Node's binary holds the protocol's description; its package, from which its library is taken here, does not.
        return page("404 OK", "");
    }
    refusal()
}

fn list(target: &Target, host: &str) -> String {
    let Target { id, title, url } = target;
    let front = |page: &str| {
        format!(
            "devtools://devtools/bundled/{page}.html?experiments=true&v8only=true&ws={host}/{id}"
        )
    };
    let fields = object(&[
        ("description", "node.js instance".into()),
        ("devtoolsFrontendUrl", front("js_app")),
        ("devtoolsFrontendUrlCompat", front("inspector")),
        (
            "faviconUrl",
            "https://nodejs.org/static/images/favicons/favicon.ico".into(),
        ),
        ("id", id.clone()),
        ("title", escape(title)),
        ("type", "node".into()),
        ("url", escape(url)),
        ("webSocketDebuggerUrl", format!("ws://{host}/{id}")),
    ]);
    format!("[ {fields}]\n\n")
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn segments_end_at_slashes() {
        assert_eq!(after("/json", "/json"), Some(""));
        assert_eq!(after("/JSON/list", "/json"), Some("list"));
        assert_eq!(after("/jsonlist", "/json"), None);
    }
}
