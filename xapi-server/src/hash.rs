//! Argon2 hashes of passwords, in the usual text form. Keeps the memory of a hash for the next one and never a
//! password.

use std::sync::Mutex;

use anyhow::{Result, anyhow};
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString},
};

/// Memory of hashes that are done. Given back to the allocator it would stay with every thread that ever hashed;
/// there is never more of it than hashes were made at one time.
static ROOMS: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// A new hash with a salt of its own.
///
/// # Errors
/// When the system has no randomness.
pub fn hash(password: &str) -> Result<String> {
    let mut bytes = [0u8; Salt::RECOMMENDED_LENGTH];
    getrandom::fill(&mut bytes).map_err(|e| anyhow!("no randomness: {e}"))?;
    let salt = SaltString::encode_b64(&bytes).map_err(|e| anyhow!("{e}"))?;
    let (algorithm, version, params) = (Algorithm::default(), Version::default(), Params::default());
    let output = output(password, &bytes, (algorithm, version, params.clone()), Params::DEFAULT_OUTPUT_LEN)
        .ok_or_else(|| anyhow!("the password could not be hashed"))?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params).map_err(|e| anyhow!("{e}"))?,
        salt: Some(salt.as_salt()),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Whether a password is the one that was hashed; a text that is no hash fits none.
pub fn verifies(hash: &str, password: &str) -> bool {
    checked(hash, password).unwrap_or(false)
}

fn checked(hash: &str, password: &str) -> Option<bool> {
    let known = PasswordHash::new(hash).ok()?;
    let (salt, expected) = (known.salt?, known.hash?);
    let algorithm = Algorithm::try_from(known.algorithm).ok()?;
    let version = known.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(&known).ok()?;
    let mut bytes = [0u8; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut bytes).ok()?;
    // Outputs compare in constant time.
    Some(output(password, salt, (algorithm, version, params), expected.len())? == expected)
}

fn output(password: &str, salt: &[u8], how: (Algorithm, Version, Params), len: usize) -> Option<Output> {
    let (algorithm, version, params) = how;
    let blocks = params.block_count();
    let argon = Argon2::new(algorithm, version, params);
    let mut room = ROOMS.lock().unwrap_or_else(|e| e.into_inner()).pop().unwrap_or_default();
    if room.len() < blocks {
        room.resize(blocks, Block::default());
    }
    let output = Output::init_with(len, |out| {
        let done = argon.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut room[..blocks]);
        done.map_err(Into::into)
    });
    ROOMS.lock().unwrap_or_else(|e| e.into_inner()).push(room);
    output.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_fits() {
        let hashed = hash("right").expect("a hash");
        assert!(hashed.starts_with("$argon2id$v=19$"), "{hashed}");
        assert!(verifies(&hashed, "right"));
        assert!(!verifies(&hashed, "wrong") && !verifies(&hashed, "") && !verifies("right", "right"));
        assert_ne!(hashed, hash("right").expect("a hash"), "every hash has its own salt");
    }

    #[test]
    fn a_hash_made_elsewhere_fits() {
        // Made by the reference library from other parameters than ours.
        let hashed = "$argon2id$v=19$m=8192,t=2,p=2$c29tZXNhbHQ$0eg6pzg/cIc6FxtFMgagDaylNA81BVQuF7Qe1i07EQ4";
        assert!(verifies(hashed, "password"));
        assert!(!verifies(hashed, "passwore"));
    }
}
