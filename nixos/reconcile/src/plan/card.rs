//! Network cards of guests. A card that is plugged elsewhere is another card.

use serde_json::{Value, json};

use super::{Planner, domain::object};
use crate::{
    action::{Action, Kind},
    manifest::{Domain, Nic},
    world::{Class, text},
};

impl Planner<'_> {
    pub(super) fn cards<'b>(&mut self, domain: &'b Domain) -> Option<Vec<(&'b Nic, String)>> {
        let mut wanted = Vec::new();
        for nic in &domain.networks {
            let Some(network) = self.network_on(&nic.bridge) else {
                self.refuse(&domain.option, format!("there is no network on the bridge {:?}", nic.bridge));
                return None;
            };
            wanted.push((nic, network));
        }
        Some(wanted)
    }

    pub(super) fn new_card(&mut self, domain: &Domain, vm: &str, nic: &Nic, network: &str) {
        let id = format!("{}/card/{}", domain.uuid, nic.position);
        let mut record = object(json!({
            "device": nic.position.to_string(), "network": network, "VM": vm, "MAC": nic.mac.to_lowercase(),
            "MTU": 1500, "qos_algorithm_type": "", "qos_algorithm_params": {},
        }));
        for (field, value) in filter_fields(nic) {
            record.insert(field.into(), value);
        }
        let marks = self.marks(&domain.option, &id, domain.policy);
        let what = format!("give {:?} card {} on {}", domain.label, nic.position, nic.bridge);
        self.create(Class::Vif, &domain.option, &id, &what, record, &marks);
    }

    pub(super) fn card_links(&mut self, domain: &Domain, vm: &str, wanted: &[(&Nic, String)]) {
        let option = domain.option.as_str();
        let mut kept = Vec::new();
        for (reference, record) in self.devices(Class::Vif, vm) {
            let device = text(&record, "device");
            let matching = wanted.iter().position(|(nic, network)| {
                nic.position.to_string() == device
                    && text(&record, "network") == *network
                    && text(&record, "MAC").eq_ignore_ascii_case(&nic.mac)
            });
            match matching {
                Some(at) if !kept.contains(&at) => {
                    kept.push(at);
                    let (nic, _) = wanted[at];
                    self.fields(Class::Vif, option, &reference, &record, &filter_fields(nic));
                    let marks = self.marks(option, &format!("{}/card/{device}", domain.uuid), domain.policy);
                    self.mark(Class::Vif, option, &reference, &record, &marks);
                }
                _ => {
                    let action = Action::Destroy { class: Class::Vif, target: reference };
                    self.step(
                        Kind::Change,
                        option,
                        format!("take card {device} from {:?}", domain.label),
                        action,
                    );
                }
            }
        }
        for (at, (nic, network)) in wanted.iter().enumerate() {
            if !kept.contains(&at) {
                self.new_card(domain, vm, nic, network);
            }
        }
    }
}

fn filter_fields(nic: &Nic) -> Vec<(&'static str, Value)> {
    let (six, four): (Vec<&String>, Vec<&String>) = nic.addresses.iter().partition(|one| one.contains(':'));
    let none = Vec::new();
    vec![
        ("locking_mode", json!(if nic.locked { "locked" } else { "network_default" })),
        ("ipv4_allowed", json!(if nic.locked { &four } else { &none })),
        ("ipv6_allowed", json!(if nic.locked { &six } else { &none })),
    ]
}
