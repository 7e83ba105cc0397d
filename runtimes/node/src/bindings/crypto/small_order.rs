//! Points of small order on the Edwards curves: a key or signature made of one verifies many messages, so Web Crypto and Node
//! call such signatures false. Node: `SignTraits` in `src/crypto/crypto_sig.cc`; the points are those of RFC 8032's curves.

use openssl::pkey::{PKeyRef, Public};

use crate::glue::openssl::{Algorithm, Purpose};

const ED25519_LEN: usize = 32;
const ED448_LEN: usize = 57;

/// The y coordinates of Ed25519's points of small order, least byte first, also those that are not reduced; without signs.
const ED25519_Y: [[u8; ED25519_LEN]; 7] = [
    [0; ED25519_LEN],
    filled(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    filled(0xec, 0xff, 0x7f),
    filled(0xed, 0xff, 0x7f),
    filled(0xee, 0xff, 0x7f),
];

/// A number whose bytes are all the same, but for the first and the last.
const fn filled(first: u8, middle: u8, last: u8) -> [u8; ED25519_LEN] {
    let mut bytes = [middle; ED25519_LEN];
    bytes[0] = first;
    bytes[ED25519_LEN - 1] = last;
    bytes
}

fn is_small_ed25519(point: &[u8]) -> bool {
    const SIGN: u8 = 0x80;
    let Ok(mut y) = <[u8; ED25519_LEN]>::try_from(point) else {
        return false;
    };
    y[ED25519_LEN - 1] &= !SIGN;
    ED25519_Y.contains(&y)
}

/// Ed448: y is 0, 1, p - 1, or one of the first two not reduced (p, p + 1), where p is 2^448 - 2^224 - 1.
fn is_small_ed448(point: &[u8]) -> bool {
    const HALF: usize = 28;
    let Some((&sign, y)) = point.split_last() else {
        return false;
    };
    if point.len() != ED448_LEN || sign & 0x7f != 0 {
        return false;
    }
    let (low, high) = y.split_at(HALF);
    let is = |bytes: &[u8], first: u8, rest: u8| {
        bytes.first() == Some(&first) && bytes.iter().skip(1).all(|byte| *byte == rest)
    };
    let high_of_p = is(high, 0xfe, 0xff);
    (is(low, 0, 0) || is(low, 1, 0)) && is(high, 0, 0)
        || high_of_p && (is(low, 0xfe, 0xff) || is(low, 0xff, 0xff))
        || is(low, 0, 0) && is(high, 0xff, 0xff)
}

/// Whether the key, or the point a signature begins with, is of small order.
pub(super) fn is_involved(key: &PKeyRef<Public>, signature: &[u8]) -> bool {
    let Algorithm::Named(named) = Algorithm::of(key) else {
        return false;
    };
    if named.purpose != Purpose::Edwards {
        return false;
    }
    let public = key.raw_public_key().unwrap_or_default();
    let is_small = match public.len() {
        ED25519_LEN => is_small_ed25519,
        _ => is_small_ed448,
    };
    is_small(&public) || signature.get(..public.len()).is_some_and(is_small)
}
