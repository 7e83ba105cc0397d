//! What has been read of the message under way: URL, status text, header pairs, and how much of the limits is used.

use crate::glue::{Failure, Scope, ScopeExt, Value};

/// With this many header fields the pairs go to JavaScript, and counting starts again.
const MAX_FIELDS: usize = 32;
/// The most bytes of a chunk's extensions.
const MAX_CHUNK_EXTENSIONS: u64 = 16384;

/// A reason of our own to stop parsing: code and text.
pub(super) type Refusal = (&'static str, &'static str);

const HEADER_OVERFLOW: Refusal = ("HPE_HEADER_OVERFLOW", "Header overflow");
const EXTENSIONS_OVERFLOW: Refusal = ("HPE_CHUNK_EXTENSIONS_OVERFLOW", "Chunk extensions overflow");

/// The message under way.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) url: Vec<u8>,
    pub(super) status: Vec<u8>,
    fields: Vec<Vec<u8>>,
    values: Vec<Vec<u8>>,
    /// Whether some pairs went to JavaScript before the headers were complete.
    pub(super) have_flushed: bool,
    header_bytes: u64,
    extension_bytes: u64,
    max_header_bytes: u64,
    field_count: u32,
    /// The most header fields; 0: as many as there are.
    max_fields: u32,
}

impl Message {
    /// No message yet.
    pub(super) fn new(max_header_bytes: u64) -> Self {
        Self {
            max_header_bytes,
            ..Self::default()
        }
    }

    /// A message begins, which may have so many header fields (0: any number).
    pub(super) fn begin(&mut self, max_fields: u32) {
        self.field_count = 0;
        self.max_fields = max_fields;
        self.fields.clear();
        self.values.clear();
        self.extension_bytes = 0;
        self.url.clear();
        self.status.clear();
    }

    /// Counts bytes of the message's head (or of its trailers).
    pub(super) fn track(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.header_bytes = self.header_bytes.saturating_add(bytes.len() as u64);
        if self.header_bytes >= self.max_header_bytes {
            return Err(HEADER_OVERFLOW);
        }
        Ok(())
    }

    /// Counts bytes of a chunk's extensions.
    pub(super) fn track_extension(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.extension_bytes = self.extension_bytes.saturating_add(bytes.len() as u64);
        if self.extension_bytes > MAX_CHUNK_EXTENSIONS {
            return Err(EXTENSIONS_OVERFLOW);
        }
        Ok(())
    }

    /// The head is complete, or a chunk's: counting starts again.
    pub(super) fn restart_header_count(&mut self) {
        self.header_bytes = 0;
    }

    /// The head is complete: trailers are counted for themselves.
    pub(super) fn restart_field_count(&mut self) {
        self.field_count = 0;
    }

    /// Counts a field, if these bytes are the first of its name.
    pub(super) fn track_field(&mut self) -> Result<(), Refusal> {
        if self.fields.len() == self.values.len() {
            self.field_count = self.field_count.saturating_add(1);
            if self.max_fields > 0 && self.field_count > self.max_fields {
                return Err(HEADER_OVERFLOW);
            }
        }
        Ok(())
    }

    /// A chunk's head is complete.
    pub(super) fn restart_extension_count(&mut self) {
        self.extension_bytes = 0;
    }

    /// Whether the pairs must go to JavaScript before another field begins.
    pub(super) fn is_full(&self) -> bool {
        self.fields.len() == self.values.len() && self.fields.len() + 1 == MAX_FIELDS
    }

    /// A part of a field's name.
    pub(super) fn add_field(&mut self, bytes: &[u8]) {
        if self.fields.len() == self.values.len() {
            self.fields.push(Vec::new());
        }
        if let Some(field) = self.fields.last_mut() {
            field.extend_from_slice(bytes);
        }
    }

    /// A part of a field's value.
    pub(super) fn add_value(&mut self, bytes: &[u8]) {
        if self.fields.len() != self.values.len() {
            self.values.push(Vec::new());
        }
        if let Some(value) = self.values.last_mut() {
            value.extend_from_slice(bytes);
        }
    }

    /// Whether there are pairs that JavaScript does not have.
    pub(super) fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Takes the pairs: `[name, value, name, value…]`, values without blanks at their ends.
    pub(super) fn take_headers<'s>(&mut self, scope: &Scope<'s, '_>) -> Result<Value<'s>, Failure> {
        let fields = std::mem::take(&mut self.fields);
        let values = std::mem::take(&mut self.values);
        let mut all = Vec::with_capacity(values.len() * 2);
        for (field, value) in fields.iter().zip(&values) {
            all.push(scope.latin1(field)?.into());
            all.push(scope.latin1(trimmed(value))?.into());
        }
        Ok(scope.array(&all).into())
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let end = value
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t'))
        .map_or(0, |last| last + 1);
    value.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_head_that_is_too_long() {
        let mut message = Message::new(10);
        assert!(message.track(b"123456789").is_ok());
        assert_eq!(message.track(b"0"), Err(HEADER_OVERFLOW));
        message.restart_header_count();
        assert!(message.track(b"0").is_ok());
    }

    #[test]
    fn refuses_too_many_fields() {
        let mut message = Message::new(100);
        message.begin(1);
        assert!(message.track_field().is_ok());
        message.add_field(b"A");
        assert!(message.track_field().is_ok(), "the same field goes on");
        message.add_value(b"1");
        assert_eq!(message.track_field(), Err(HEADER_OVERFLOW));
    }

    #[test]
    fn joins_parts_of_names_and_values() {
        let mut message = Message::new(100);
        message.add_field(b"Ho");
        message.add_field(b"st");
        message.add_value(b"a ");
        message.add_value(b"b \t");
        assert_eq!(message.fields, [b"Host"]);
        assert_eq!(trimmed(&message.values[0]), b"a b");
    }
}
