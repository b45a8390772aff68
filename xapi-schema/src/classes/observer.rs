//! `Observer`: A choice of what parts of the toolstack to trace.

use crate::classes::prelude::*;

class! {
    Observer "Observer" "A choice of what parts of the toolstack to trace" = table(Some(POOL_ADMIN)).prototyped("23.14.0").creatable().notes(&[
ImplicitNote { name: "create", forwarding: &["host=param:host"], guards: &[] },
ImplicitNote { name: "destroy", forwarding: &["host=param:host"], guards: &[] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("23.14.0"), "Permanent identifier of the observer";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Free text about the observer";
        hosts: Vec<Ref<Host>> = static_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("23.14.0").plain_refs(), "Hosts it applies to, none for all";
        attributes: Map<String, String> = static_ro(POOL_ADMIN).default(Default::Map(&[])).prototyped("23.14.0"), "Keys added to every trace";
        endpoints: Vec<String> = static_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("23.14.0"), "Where traces go: bugtool for local files, or URLs";
        components: Vec<String> = static_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("23.14.0"), "Toolstack parts it applies to, none for all";
        enabled: bool = static_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("23.14.0"), "True if traces are made";
    }

    methods {
        register(self: Ref<Observer>, host: Ref<Host>) = op(POOL_ADMIN).prototyped("23.14.0").hidden().forwarding(&["host=param:host"]), "Set the observer up on a host";
        unregister(self: Ref<Observer>, host: Ref<Host>) = op(POOL_ADMIN).prototyped("23.14.0").hidden().forwarding(&["host=param:host"]), "Take the observer down on a host";
        set_hosts(self: Ref<Observer>, value: Vec<Ref<Host>>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Choose the hosts it applies to";
        set_enabled(self: Ref<Observer>, value: bool) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Switch tracing on or off";
        set_attributes(self: Ref<Observer>, value: Map<String, String>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Replace the keys added to traces";
        set_endpoints(self: Ref<Observer>, value: Vec<String>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Choose where traces go";
        set_components(self: Ref<Observer>, value: Vec<String>) = op(POOL_ADMIN).prototyped("23.14.0").forwarding(&["host=param:host"]), "Choose the toolstack parts it applies to";
    }
}
