//! Gives back to the system what large answers leave unused. The C library keeps freed memory that is not
//! at the end of a heap for ever, so a daemon that rendered one large answer would stay that large.

use std::time::Duration;

/// Between two times; giving back costs a millisecond or two, taking again a little more.
const PAUSE: Duration = Duration::from_secs(15);

/// Gives memory back from time to time, for ever.
pub async fn keep_small() {
    loop {
        tokio::time::sleep(PAUSE).await;
        // Its locks would hold up others on this thread.
        let done = tokio::task::spawn_blocking(give_back).await;
        debug_assert!(done.is_ok(), "giving memory back does not panic");
    }
}

#[cfg(target_env = "gnu")]
fn give_back() {
    // SAFETY: takes no pointer, may be called at any time from any thread, and touches free memory only.
    #[allow(unsafe_code)] // there is no safe way to say this to the C library
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// Other C libraries give back by themselves.
#[cfg(not(target_env = "gnu"))]
fn give_back() {}
