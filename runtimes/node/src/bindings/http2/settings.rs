//! Settings, in the array that JavaScript and native code share: values by index, which of them are given, then further ones
//! (`customSettings`) as pairs. `lib/internal/http2/util.js` has the other side.

use super::session::Session;
use crate::glue::nghttp2::Setting;
use crate::glue::{Failure, Field, Scope, ScopeExt};

/// The protocol's id of the setting at each index, and its default.
const KNOWN: [(u32, u32); 7] = [
    (1, 4096),     // HEADER_TABLE_SIZE
    (2, 1),        // ENABLE_PUSH
    (4, 65535),    // INITIAL_WINDOW_SIZE
    (5, 16384),    // MAX_FRAME_SIZE
    (3, u32::MAX), // MAX_CONCURRENT_STREAMS
    (6, 65535),    // MAX_HEADER_LIST_SIZE
    (8, 0),        // ENABLE_CONNECT_PROTOCOL
];
pub(super) const MAX_CONCURRENT_STREAMS: u32 = 3;
pub(super) const MAX_HEADER_LIST_SIZE: u32 = 6;
const FLAGS: usize = KNOWN.len();
const CUSTOM_COUNT: usize = FLAGS + 1;
const CUSTOM: usize = CUSTOM_COUNT + 1;
/// The most further settings.
const MAX_CUSTOM: usize = 10;

/// Further settings; a value is missing until the peer sends one.
pub(super) type Custom = Vec<(i32, Option<u32>)>;

fn buffer(scope: &mut Scope<'_, '_>) -> Result<Field, Failure> {
    scope.env().field(scope, "http2", "settingsBuffer")
}

/// An element of a `Uint32Array`.
pub(super) fn element(field: &Field, at: usize) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the array's elements are unsigned 32-bit integers"
    )]
    {
        field.get(at) as u32
    }
}

/// The settings that JavaScript put into the buffer.
pub(super) fn given(scope: &mut Scope<'_, '_>) -> Result<Vec<Setting>, Failure> {
    let buffer = buffer(scope)?;
    let flags = element(&buffer, FLAGS);
    let mut settings = Vec::new();
    for (index, (id, _)) in KNOWN.iter().enumerate() {
        if flags & (1 << index) != 0 {
            settings.push((i32::try_from(*id).unwrap_or(0), element(&buffer, index)));
        }
    }
    settings.sort_by_key(|(id, _)| *id);
    for index in 0..custom_count(&buffer) {
        let id = i32::try_from(element(&buffer, CUSTOM + 2 * index) & 0xffff).unwrap_or(0);
        settings.push((id, element(&buffer, CUSTOM + 2 * index + 1)));
    }
    Ok(settings)
}

fn custom_count(buffer: &Field) -> usize {
    (element(buffer, CUSTOM_COUNT) as usize).min(MAX_CUSTOM)
}

/// The ids of further settings that JavaScript wants to hear of from the peer.
pub(super) fn wanted_custom(scope: &mut Scope<'_, '_>) -> Result<Custom, Failure> {
    let buffer = buffer(scope)?;
    Ok((0..custom_count(&buffer))
        .map(|index| {
            let id = element(&buffer, CUSTOM + 2 * index) & 0xffff;
            (i32::try_from(id).unwrap_or(0), None)
        })
        .collect())
}

/// Remembers which further settings this side sent.
pub(super) fn remember_custom(custom: &mut Custom, sent: &[Setting]) {
    for (id, value) in sent {
        if usize::try_from(*id).is_ok_and(|id| id < KNOWN.len()) {
            continue;
        }
        if let Some(known) = custom.iter_mut().find(|(known, _)| known == id) {
            known.1 = Some(*value);
        } else if custom.len() < MAX_CUSTOM {
            custom.push((*id, Some(*value)));
        }
    }
}

/// Takes over the further settings the peer sent, if they are wanted.
pub(super) fn update_custom(custom: &mut Custom, received: &[Setting]) {
    for (id, value) in received {
        if let Some(known) = custom.iter_mut().find(|(known, _)| known == id) {
            known.1 = Some(*value);
        }
    }
}

/// Puts a session's settings into the buffer: this side's or the peer's.
pub(super) fn show(
    scope: &mut Scope<'_, '_>,
    session: &Session,
    local: bool,
) -> Result<(), Failure> {
    let buffer = buffer(scope)?;
    for (index, (id, _)) in KNOWN.iter().enumerate() {
        let value = if local {
            session.library.local_setting(*id)
        } else {
            session.library.remote_setting(*id)
        };
        buffer.set(index, f64::from(value));
    }
    let custom = session.custom_settings(local);
    let mut count = 0_u32;
    let mut at = CUSTOM;
    for (id, value) in custom.iter().take(MAX_CUSTOM) {
        if let Some(value) = value {
            buffer.set(at, f64::from(*id));
            buffer.set(at + 1, f64::from(*value));
            at += 2;
            count += 1;
        }
    }
    buffer.set(CUSTOM_COUNT, f64::from(count));
    Ok(())
}

/// Puts the protocol's defaults into the buffer.
pub(super) fn refresh_defaults(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let buffer = buffer(scope)?;
    for (index, (_, default)) in KNOWN.iter().enumerate() {
        buffer.set(index, f64::from(*default));
    }
    buffer.set(FLAGS, f64::from((1_u32 << KNOWN.len()) - 1));
    buffer.set(CUSTOM_COUNT, 0.0);
    Ok(())
}
