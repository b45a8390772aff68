//! What drivers need of the database, and what only it knows of their SRs.

use async_trait::async_trait;
use xapi_backend::storage::{SrStat, Volume};
use xapi_schema::Result;

/// The record of an SR.
#[derive(Debug, Clone)]
pub struct SrFacts {
    /// Its reference.
    pub reference: String,
    /// This host changes what is in it.
    pub master: bool,
}

/// The record of a volume.
#[derive(Debug, Clone)]
pub struct VolumeFacts {
    /// Its reference.
    pub reference: String,
    /// `persist` or `reset`.
    pub on_boot: String,
    /// May be cached.
    pub allow_caching: bool,
    /// Everything else.
    pub volume: Volume,
}

/// The database, as far as drivers are concerned.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Reference of this host.
    fn host(&self) -> String;
    /// uuid of the SR in which this host caches, if there is one.
    fn local_cache(&self) -> Option<String>;
    /// An SR by its uuid.
    fn sr(&self, uuid: &str) -> Option<SrFacts>;
    /// All volumes of an SR.
    fn volumes(&self, sr: &str) -> Vec<VolumeFacts>;
    /// How full an SR is.
    fn stat(&self, sr: &str) -> SrStat;
    /// A session for a driver's call that works on an SR.
    async fn open_session(&self, sr: Option<&str>) -> Result<String>;
    /// Ends it.
    async fn close_session(&self, session: &str);
    /// What a driver told when it made a volume reachable: entries for its users, and whether reads are cached.
    async fn reached(
        &self,
        sr: &str,
        location: &str,
        xenstore_data: Vec<(String, String)>,
        caching: Option<(bool, String)>,
    );
}
