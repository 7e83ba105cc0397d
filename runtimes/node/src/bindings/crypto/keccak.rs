//! Keccak sponges that OpenSSL does not have: cSHAKE and KMAC of any length (NIST SP 800-185), `TurboSHAKE` and
//! `KangarooTwelve` (RFC 9861). Node: `src/crypto/crypto_turboshake.cc`, which has its own sponge for the same reason.

/// What follows each step of ρ: how far the lane is rotated, and where it goes (π).
const ROTATIONS: [(u32, usize); 24] = [
    (1, 10),
    (3, 7),
    (6, 11),
    (10, 17),
    (15, 18),
    (21, 3),
    (28, 5),
    (36, 16),
    (45, 8),
    (55, 21),
    (2, 24),
    (14, 4),
    (27, 15),
    (41, 23),
    (56, 19),
    (8, 13),
    (25, 12),
    (43, 2),
    (62, 20),
    (18, 14),
    (39, 22),
    (61, 9),
    (20, 6),
    (44, 1),
];

const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Rounds of Keccak-f, and of the reduced permutation of `TurboSHAKE`.
const ROUNDS: usize = 24;
const TURBO_ROUNDS: usize = 12;

/// Bytes that are taken or given between two permutations, for 128 and 256 bits of strength.
pub(super) const RATE_128: usize = 168;
pub(super) const RATE_256: usize = 136;

/// `KangarooTwelve`'s chunks.
const CHUNK: usize = 8192;

fn permute(state: &mut [u64; 25], rounds: usize) {
    for constant in ROUND_CONSTANTS.iter().skip(ROUNDS - rounds) {
        let mut columns = [0_u64; 5];
        for (x, column) in columns.iter_mut().enumerate() {
            *column = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
        }
        for x in 0..5 {
            let mixed = columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
            for y in 0..5 {
                state[x + 5 * y] ^= mixed;
            }
        }
        let mut moving = state[1];
        for (rotation, place) in ROTATIONS {
            let next = state[place];
            state[place] = moving.rotate_left(rotation);
            moving = next;
        }
        for y in 0..5 {
            let row: [u64; 5] = std::array::from_fn(|x| state[5 * y + x]);
            for x in 0..5 {
                state[5 * y + x] = row[x] ^ (!row[(x + 1) % 5] & row[(x + 2) % 5]);
            }
        }
        state[0] ^= constant;
    }
}

/// A sponge that absorbs.
pub(super) struct Sponge {
    state: [u64; 25],
    rate: usize,
    rounds: usize,
    at: usize,
}

impl Sponge {
    const fn new(rate: usize, rounds: usize) -> Self {
        Self {
            state: [0; 25],
            rate,
            rounds,
            at: 0,
        }
    }

    fn add(&mut self, byte: u8) {
        self.state[self.at / 8] ^= u64::from(byte) << (8 * (self.at % 8));
    }

    /// Takes bytes in.
    pub(super) fn absorb(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.add(*byte);
            self.at += 1;
            if self.at == self.rate {
                permute(&mut self.state, self.rounds);
                self.at = 0;
            }
        }
    }

    /// Zeros up to the next permutation.
    fn pad(&mut self) {
        if self.at != 0 {
            permute(&mut self.state, self.rounds);
            self.at = 0;
        }
    }

    /// Ends with the domain separation byte, and fills `out`.
    pub(super) fn squeeze(mut self, domain: u8, out: &mut [u8]) {
        self.add(domain);
        self.at = self.rate - 1;
        self.add(0x80);
        for part in out.chunks_mut(self.rate) {
            permute(&mut self.state, self.rounds);
            for (at, byte) in part.iter_mut().enumerate() {
                *byte = self.state[at / 8].to_le_bytes()[at % 8];
            }
        }
    }
}

/// The bytes of a number without leading zeros, at least one.
fn big_endian(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    bytes.iter().skip(zeros).copied().collect()
}

fn count(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap_or(u8::MAX)
}

fn left_encode(number: u64) -> Vec<u8> {
    let digits = big_endian(number);
    let mut out = vec![count(&digits)];
    out.extend(digits);
    out
}

fn right_encode(number: u64) -> Vec<u8> {
    let mut digits = big_endian(number);
    digits.push(count(&digits));
    digits
}

fn bits(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len())
        .unwrap_or(u64::MAX / 8)
        .saturating_mul(8)
}

impl Sponge {
    fn absorb_string(&mut self, bytes: &[u8]) {
        self.absorb(&left_encode(bits(bytes)));
        self.absorb(bytes);
    }

    fn absorb_rate(&mut self) {
        let rate = u64::try_from(self.rate).unwrap_or(0);
        self.absorb(&left_encode(rate));
    }

    /// cSHAKE with a function name and a customization; end it with [`CSHAKE`].
    pub(super) fn cshake(rate: usize, function: &[u8], customization: &[u8]) -> Self {
        let mut sponge = Self::new(rate, ROUNDS);
        sponge.absorb_rate();
        sponge.absorb_string(function);
        sponge.absorb_string(customization);
        sponge.pad();
        sponge
    }

    /// KMAC; `out_bits` is how long the code will be.
    pub(super) fn kmac(
        rate: usize,
        key: &[u8],
        customization: &[u8],
        data: &[u8],
        out_bits: u64,
    ) -> Self {
        let mut sponge = Self::cshake(rate, b"KMAC", customization);
        sponge.absorb_rate();
        sponge.absorb_string(key);
        sponge.pad();
        sponge.absorb(data);
        sponge.absorb(&right_encode(out_bits));
        sponge
    }
}

/// The domain separation byte of cSHAKE and KMAC.
pub(super) const CSHAKE: u8 = 0x04;
/// That of SHAKE, which cSHAKE without names is.
pub(super) const SHAKE: u8 = 0x1F;

/// SHAKE.
pub(super) fn shake(rate: usize, data: &[u8], out: &mut [u8]) {
    let mut sponge = Sponge::new(rate, ROUNDS);
    sponge.absorb(data);
    sponge.squeeze(SHAKE, out);
}

/// `TurboSHAKE` of these parts, one after the other.
pub(super) fn turbo_shake(rate: usize, parts: &[&[u8]], domain: u8, out: &mut [u8]) {
    let mut sponge = Sponge::new(rate, TURBO_ROUNDS);
    for part in parts {
        sponge.absorb(part);
    }
    sponge.squeeze(domain, out);
}

/// RFC 9861's `length_encode`: no digits for zero.
fn length_encode(number: usize) -> Vec<u8> {
    if number == 0 {
        return vec![0];
    }
    right_encode(u64::try_from(number).unwrap_or(u64::MAX))
}

/// `KangarooTwelve`.
pub(super) fn kangaroo_twelve(rate: usize, data: &[u8], customization: &[u8], out: &mut [u8]) {
    let suffix = length_encode(customization.len());
    let total = data.len() + customization.len() + suffix.len();
    if total <= CHUNK {
        return turbo_shake(rate, &[data, customization, &suffix], 0x07, out);
    }
    let mut all = Vec::with_capacity(total);
    all.extend_from_slice(data);
    all.extend_from_slice(customization);
    all.extend_from_slice(&suffix);
    let mut chunks = all.chunks(CHUNK);
    let mut sponge = Sponge::new(rate, TURBO_ROUNDS);
    sponge.absorb(chunks.next().unwrap_or_default());
    sponge.absorb(&[3, 0, 0, 0, 0, 0, 0, 0]);
    let mut leaves = 0;
    let mut chaining = vec![0; if rate == RATE_128 { 32 } else { 64 }];
    for chunk in chunks {
        turbo_shake(rate, &[chunk], 0x0B, &mut chaining);
        sponge.absorb(&chaining);
        leaves += 1;
    }
    sponge.absorb(&length_encode(leaves));
    sponge.absorb(&[0xFF, 0xFF]);
    sponge.squeeze(0x06, out);
}

#[cfg(test)]
mod tests {
    use super::{RATE_128, RATE_256, kangaroo_twelve, shake, turbo_shake};

    fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn shake_of_nothing_is_that_of_fips_202() {
        let mut out = [0; 16];
        shake(RATE_128, b"", &mut out);
        assert_eq!(hex(&out), "7f9c2ba4e88f827d616045507605853e");
        shake(RATE_256, b"", &mut out);
        assert_eq!(hex(&out), "46b9dd2b0ba88d13233b3feb743eeb24");
    }

    #[test]
    fn turbo_shake_and_kangaroo_twelve_are_those_of_rfc_9861() {
        let mut out = [0; 32];
        turbo_shake(RATE_128, &[], 0x1F, &mut out);
        assert_eq!(
            hex(&out),
            "1e415f1c5983aff2169217277d17bb538cd945a397ddec541f1ce41af2c1b74c"
        );
        kangaroo_twelve(RATE_128, &[], &[], &mut out);
        assert_eq!(
            hex(&out),
            "1ac2d450fc3b4205d19da7bfca1b37513c0803577ac7167f06fe2ce1f0ef39e5"
        );
        let data: Vec<u8> = (0..17_usize.pow(4))
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        kangaroo_twelve(RATE_128, &data, &[], &mut out);
        assert_eq!(
            hex(&out),
            "8701045e22205345ff4dda05555cbb5c3af1a771c2b89baef37db43d9998b9fe"
        );
    }
}
