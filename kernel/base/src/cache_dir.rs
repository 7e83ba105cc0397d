//! Where this user's caches lie on the host: [`cache_directory`].

use std::env::var_os;
use std::path::PathBuf;

/// The folder `name` of Cenote's caches: below `$CENOTE_CACHE_DIR`, else below `cenote` in the user's cache directory (`$XDG_CACHE_HOME`, else
/// `.cache` in `$HOME`). `None` when nothing says where, or when `$CENOTE_CACHE_DIR` is set and empty: then nothing is kept.
///
/// Code that is run comes from there: who may write there is trusted. Whoever uses a folder checks that it belongs to this user.
#[must_use]
pub fn cache_directory(name: &str) -> Option<PathBuf> {
    if let Some(given) = var_os("CENOTE_CACHE_DIR") {
        return (!given.is_empty()).then(|| PathBuf::from(given).join(name));
    }
    let named = |variable| var_os(variable).filter(|value| !value.is_empty());
    let user = match named("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(named("HOME")?).join(".cache"),
    };
    Some(user.join("cenote").join(name))
}
