//! Randomness: the flags of `getrandom`.

flags! {
    /// The flags of `getrandom`.
    pub struct RandomFlags: u32 {
        GRND_NONBLOCK = 1,
        GRND_RANDOM = 2,
        GRND_INSECURE = 4,
    }
}
