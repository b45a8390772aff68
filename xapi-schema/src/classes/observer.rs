//! `Observer`: observer.

use crate::classes::prelude::*;

class! {
    Observer "Observer" "Observer" = table(Some(POOL_ADMIN)).prototyped("23.14.0").creatable().notes(&[
ImplicitNote { name: "create", forwarding: &["host=param:host"], guards: &[] },
ImplicitNote { name: "destroy", forwarding: &["host=param:host"], guards: &[] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("23.14.0"), "Uuid";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        hosts: Vec<Ref<Host>> = static_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("23.14.0").plain_refs(), "Hosts";
        attributes: Map<String, String> = static_ro(POOL_ADMIN).default(Default::Map(&[])).prototyped("23.14.0"), "Attributes";
        endpoints: Vec<String> = static_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("23.14.0"), "Endpoints";
        components: Vec<String> = static_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("23.14.0"), "Components";
        enabled: bool = static_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("23.14.0"), "Enabled";
    }

    methods {
        register(self: Ref<Observer>, host: Ref<Host>) = op(POOL_ADMIN).prototyped("23.14.0").hidden().forwarding(&["host=param:host"]), "Register";
        unregister(self: Ref<Observer>, host: Ref<Host>) = op(POOL_ADMIN).prototyped("23.14.0").hidden().forwarding(&["host=param:host"]), "Unregister";
        set_hosts(self: Ref<Observer>, value: Vec<Ref<Host>>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Set hosts";
        set_enabled(self: Ref<Observer>, value: bool) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Set enabled";
        set_attributes(self: Ref<Observer>, value: Map<String, String>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Set attributes";
        set_endpoints(self: Ref<Observer>, value: Vec<String>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Set endpoints";
        set_components(self: Ref<Observer>, value: Vec<String>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Set components";
    }
}
