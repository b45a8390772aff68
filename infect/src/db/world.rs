//! [`World`]: what has to be known of the whole old database before a single row can be judged.

use std::{collections::HashSet, io::BufRead};

use xapi_statedb::{Reader, Result, Row, check, check::Survey};

/// What the rows of a file say about each other.
#[derive(Debug)]
pub struct World {
    /// Tables, columns, references, faults.
    pub survey: Survey,
    /// References of the control domains.
    pub control_domains: HashSet<String>,
    /// The metrics of the pool's coordinator.
    pub home_metrics: Option<String>,
    /// References of the control domains with their uuid and host.
    domains: Vec<(String, String, String)>,
    /// References of the hosts, with name on the network, address and recorded control domain.
    hosts: Vec<(String, String, String, String)>,
    /// Host and network of management interfaces.
    management: Vec<(String, String)>,
    /// References and bridges of networks.
    bridges: Vec<(String, String)>,
}

/// A host, as the server has to know it before it opens its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its reference.
    pub reference: String,
    /// Its uuid.
    pub uuid: String,
    /// uuid of its control domain; empty when the file has none.
    pub control_domain: String,
    /// Name on the network.
    pub hostname: String,
    /// Management address.
    pub address: String,
    /// Bridge of the management interface; empty when there is none.
    pub bridge: String,
}

impl World {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// Those of the file.
    pub fn read<R: BufRead>(reader: &mut Reader<R>, mut seen: impl FnMut(u64)) -> Result<World> {
        let (mut control_domains, mut domains) = (HashSet::new(), Vec::new());
        let (mut hosts, mut management, mut bridges) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rows, mut metrics) = (0, Vec::new());
        let survey = check::survey(reader, |table, row: &Row| {
            rows += 1;
            seen(rows);
            let text = |column: &str| row.get(column).unwrap_or_default().to_string();
            let this = || row.reference.clone();
            match table {
                "VM" if row.get("is_control_domain") == Some("true") => {
                    control_domains.insert(this());
                    domains.push((this(), text("uuid"), text("resident_on")));
                }
                "host" => {
                    metrics.push((this(), text("metrics")));
                    hosts.push((this(), text("hostname"), text("address"), text("control_domain")));
                }
                "PIF" if row.get("management") == Some("true") => {
                    management.push((text("host"), text("network")))
                }
                "network" => bridges.push((this(), text("bridge"))),
                _ => {}
            }
        })?;
        let master = survey.pool.as_ref().map(|(_, _, master)| master.as_str());
        let home_metrics =
            metrics.into_iter().find(|(host, _)| Some(host.as_str()) == master).map(|(_, m)| m);
        Ok(World { home_metrics, survey, control_domains, domains, hosts, management, bridges })
    }

    /// A host by its reference.
    pub fn home(&self, reference: &str) -> Option<Home> {
        let (_, uuid) = self.survey.hosts.iter().find(|(host, _)| host == reference)?;
        let (_, hostname, address, domain) = self.hosts.iter().find(|(host, ..)| host == reference)?;
        let by_host = || self.domains.iter().find(|(_, _, host)| host == reference);
        let domain = self.domains.iter().find(|(vm, ..)| vm == domain).or_else(by_host);
        let network = self.management.iter().find(|(host, _)| host == reference);
        let bridge = network.and_then(|(_, network)| self.bridges.iter().find(|(known, _)| known == network));
        Some(Home {
            reference: reference.to_string(),
            uuid: uuid.clone(),
            control_domain: domain.map(|(_, uuid, _)| uuid.clone()).unwrap_or_default(),
            hostname: hostname.clone(),
            address: address.clone(),
            bridge: bridge.map(|(_, bridge)| bridge.clone()).unwrap_or_default(),
        })
    }
}
