//! Randomness of the composition root: object UIDs, name suffixes, the hub's id, secrets.

use apiserver::config::Ids;

/// Kubernetes' alphabet of generated names: no vowels and no lookalikes.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness: nothing that is made then would be safe to use.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system gives random bytes; without them no id or key is safe");
    out
}

/// Lower-case hexadecimal text of `N` random bytes.
pub fn token<const N: usize>() -> String {
    bytes::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number in 0..1, to spread retries.
pub fn fraction() -> f64 {
    f64::from(u32::from_le_bytes(bytes())) / f64::from(u32::MAX)
}

/// Ids from the operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn uid(&self) -> String {
        let mut b: [u8; 16] = bytes();
        // RFC 9562: version 4, variant 10.
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn suffix(&self) -> String {
        bytes::<5>().iter().map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()])).collect()
    }
}
