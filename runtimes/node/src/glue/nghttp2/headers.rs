//! Lists as JavaScript gives them, in one string with zeros between, in the library's form: header fields and origins.

use libnghttp2_sys as sys;

/// Header fields: `name \0 value \0 flags`, one after another.
pub(crate) struct HeaderList {
    /// What `fields` point into; never changed after they are made.
    _text: Box<[u8]>,
    fields: Vec<sys::nghttp2_nv>,
}

impl std::fmt::Debug for HeaderList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeaderList({})", self.fields.len())
    }
}

/// A name no header may have: the library then refuses the list.
static INVALID: [u8; 1] = [0];

impl HeaderList {
    /// Reads a list of `count` fields. One that has more (a value with a zero in it) becomes a list that is refused.
    pub(crate) fn new(text: Vec<u8>, count: usize) -> Self {
        let text = text.into_boxed_slice();
        let mut fields = Vec::new();
        let mut rest: &[u8] = &text;
        while !rest.is_empty() {
            if fields.len() == count {
                fields = vec![field(&INVALID, &INVALID, 0)];
                break;
            }
            let (name, after) = until_zero(rest);
            let (value, after) = until_zero(after);
            let (flags, after) = after
                .split_first()
                .map_or((0, after), |(flags, after)| (*flags, after));
            fields.push(field(name, value, flags));
            rest = after;
        }
        Self {
            _text: text,
            fields,
        }
    }

    pub(super) fn as_ptr(&self) -> *const sys::nghttp2_nv {
        self.fields.as_ptr()
    }

    /// How many fields.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }
}

fn field(name: &[u8], value: &[u8], flags: u8) -> sys::nghttp2_nv {
    sys::nghttp2_nv {
        // The library does not write to them, though it takes them as mutable.
        name: name.as_ptr().cast_mut(),
        value: value.as_ptr().cast_mut(),
        namelen: name.len(),
        valuelen: value.len(),
        flags,
    }
}

fn until_zero(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == 0) {
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            text.get(at + 1..).unwrap_or_default(),
        ),
        None => (text, &[]),
    }
}

/// Origins, a zero after each.
pub(crate) struct OriginList {
    _text: Box<[u8]>,
    origins: Vec<sys::nghttp2_origin_entry>,
}

impl std::fmt::Debug for OriginList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OriginList({})", self.origins.len())
    }
}

impl OriginList {
    /// Reads a list of at most `count` origins.
    pub(crate) fn new(text: Vec<u8>, count: usize) -> Self {
        let text = text.into_boxed_slice();
        let mut origins = Vec::new();
        let mut rest: &[u8] = &text;
        while !rest.is_empty() && origins.len() < count {
            let (origin, after) = until_zero(rest);
            origins.push(sys::nghttp2_origin_entry {
                origin: origin.as_ptr().cast_mut(),
                origin_len: origin.len(),
            });
            rest = after;
        }
        Self {
            _text: text,
            origins,
        }
    }

    pub(super) fn as_ptr(&self) -> *const sys::nghttp2_origin_entry {
        self.origins.as_ptr()
    }

    pub(super) fn len(&self) -> usize {
        self.origins.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fields_and_refuses_more_than_said() {
        assert_eq!(HeaderList::new(b"a\0b\0\0c\0d\0\x01".to_vec(), 2).len(), 2);
        let list = HeaderList::new(b"a\0b\0\0c\0d\0\0".to_vec(), 1);
        assert_eq!((list.len(), list.fields[0].namelen), (1, 1));
        assert_eq!(HeaderList::new(b"a".to_vec(), 1).len(), 1);
        assert_eq!(HeaderList::new(Vec::new(), 0).len(), 0);
        assert_eq!(OriginList::new(b"x\0y\0".to_vec(), 2).len(), 2);
    }
}
