//! Byte paths: Linux's are bytes, not UTF-8.

/// The longest path a call takes, with its final zero.
pub const PATH_MAX: usize = 4096;
/// The longest name in a directory.
pub const NAME_MAX: usize = 255;

/// The parts of a path between slashes; empty ones are left out, `.` and `..` are not.
pub fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
}

/// Whether the path starts at the root.
#[must_use]
pub fn is_absolute(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
}

/// The last component, or nothing for `/` and the empty path.
#[must_use]
pub fn file_name(path: &[u8]) -> Option<&[u8]> {
    components(path).next_back()
}

/// `base` and `rest` with one slash between; `rest` alone if it is absolute.
#[must_use]
pub fn join(base: &[u8], rest: &[u8]) -> Vec<u8> {
    if is_absolute(rest) {
        return rest.to_vec();
    }
    let mut joined = base.to_vec();
    if !joined.ends_with(b"/") {
        joined.push(b'/');
    }
    joined.extend_from_slice(rest);
    joined
}

/// A path for messages: lossy, for people.
#[must_use]
pub fn display(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
