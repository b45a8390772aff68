//! What is no longer declared. Disks and networks go last, and only when nothing that stays uses them.

use super::Planner;
use crate::{
    action::{Action, Kind},
    world::{Class, is_guest, is_ours, mark, marked, references, text},
};

impl Planner<'_> {
    pub(super) fn remove_guests(&mut self) {
        let mut wanted = std::collections::BTreeSet::new();
        for domain in &self.manifest.domains {
            wanted.extend(self.world.find(Class::Vm, &domain.uuid).map(|(reference, _)| reference.clone()));
        }
        for (reference, record) in self.declared_before(Class::Vm) {
            if wanted.contains(&reference) || !is_guest(&record) {
                continue;
            }
            let option = marked(&record, mark::OPTION).unwrap_or_default().to_string();
            let name = text(&record, "name_label");
            let how = marked(&record, mark::ON_REMOVE).unwrap_or("shutdown").to_string();
            let down = text(&record, "power_state") == "Halted";
            if how != "keep" && !down {
                self.stop(Kind::Remove, &option, &reference, &name);
            }
            if how == "destroy" {
                let action = Action::Destroy { class: Class::Vm, target: reference.clone() };
                self.step(Kind::Remove, &option, format!("remove the guest {name:?}"), action);
                let devices = references(&record, "VBDs").into_iter().chain(references(&record, "VIFs"));
                self.gone.extend(devices.map(str::to_string));
                continue;
            }
            for class in [Class::Vbd, Class::Vif] {
                for (device, device_record) in self.declared_before(class) {
                    if text(&device_record, "VM") == reference {
                        self.release(class, &option, &device);
                    }
                }
            }
            self.release(Class::Vm, &option, &reference);
        }
        if !self.manifest.policy.remove_others {
            return;
        }
        let strangers: Vec<(String, String)> = self
            .world
            .of(Class::Vm)
            .filter(|(reference, record)| {
                is_guest(record) && !is_ours(record) && !wanted.contains(*reference)
            })
            .filter(|(_, record)| matches!(text(record, "power_state").as_str(), "Running" | "Paused"))
            .map(|(reference, record)| (reference.clone(), text(record, "name_label")))
            .collect();
        for (reference, name) in strangers {
            self.stop(Kind::Remove, "xennix.reconcile.removeOthers", &reference, &name);
        }
    }

    pub(super) fn stop(&mut self, kind: Kind, option: &str, target: &str, name: &str) {
        self.step(kind, option, format!("shut {name:?} down"), Action::Stop { target: target.into() });
    }

    /// VMs whose devices, those that stay and those this plan makes, are on this disk or network.
    fn users(&self, class: Class, member: &str, reference: &str) -> Vec<String> {
        let stay =
            self.world.of(class).filter(|(user, _)| !self.gone.contains(*user)).map(|(_, record)| record);
        let new = self.plan.steps.iter().filter_map(|step| match &step.action {
            Action::Create { class: of, record, .. } if *of == class => Some(record),
            _ => None,
        });
        stay.chain(new)
            .filter(|record| text(record, member) == reference)
            .map(|record| text(record, "VM"))
            .collect()
    }

    pub(super) fn remove_rest(&mut self) {
        for (reference, record) in self.declared_before(Class::Vdi) {
            if self.wanted(Class::Vdi, &reference) || crate::world::truth(&record, "is_a_snapshot") {
                continue;
            }
            let option = marked(&record, mark::OPTION).unwrap_or_default().to_string();
            let users = self.users(Class::Vbd, "VDI", &reference);
            if users.iter().any(|vm| self.wanted(Class::Vm, vm)) {
                // Its guest gives it up at its next start.
                continue;
            }
            if users.is_empty() && marked(&record, mark::ON_REMOVE) == Some("destroy") {
                let what = format!("remove the disk {:?}", text(&record, "name_label"));
                let action = Action::Destroy { class: Class::Vdi, target: reference };
                self.step(Kind::Remove, &option, what, action);
            } else {
                self.release(Class::Vdi, &option, &reference);
            }
        }
        for (reference, _) in self.declared_before(Class::Sr) {
            if !self.wanted(Class::Sr, &reference) {
                self.let_go(Class::Sr, &reference);
            }
        }
        for (reference, record) in self.declared_before(Class::Network) {
            if self.wanted(Class::Network, &reference) {
                continue;
            }
            let unused = self.users(Class::Vif, "network", &reference).is_empty()
                && references(&record, "PIFs").is_empty();
            if unused && marked(&record, mark::MADE).is_some() {
                let option = marked(&record, mark::OPTION).unwrap_or_default().to_string();
                let what = format!("remove the network {:?}", text(&record, "name_label"));
                let action = Action::Destroy { class: Class::Network, target: reference };
                self.step(Kind::Remove, &option, what, action);
            } else {
                self.let_go(Class::Network, &reference);
            }
        }
    }

    fn let_go(&mut self, class: Class, reference: &str) {
        let option = self.world.get(class, reference).and_then(|record| marked(record, mark::OPTION));
        let option = option.unwrap_or_default().to_string();
        self.release(class, &option, reference);
    }
}
