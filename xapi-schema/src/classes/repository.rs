//! `Repository`: A source of software updates.

use crate::classes::prelude::*;

class! {
    Repository "Repository" "A source of software updates" = table(Some(POOL_OP.and_client_cert())).published("1.301.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("1.301.0"), "Permanent identifier of the repository";
        name_label: String = rw(POOL_OP.and_client_cert()).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, must be unique";
        name_description: String = rw(POOL_OP.and_client_cert()).default(Default::Str("")).published("rio").column("name__description"), "Free text about the repository";
        binary_url: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).published("1.301.0"), "Base of the package downloads";
        source_url: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).published("1.301.0"), "Base of the source downloads";
        update: bool = static_ro(POOL_OP.and_client_cert()).default(Default::Bool(false)).published("1.301.0"), "True if it carries update information";
        hash: String = dynamic_ro(POOL_OP.and_client_cert()).default(Default::Str("")).published("1.301.0"), "Checksum of its state at the last synchronisation";
        up_to_date: bool = dynamic_ro(POOL_OP.and_client_cert()).default(Default::Bool(false)).published("1.301.0").deprecated("23.18.0").removed("23.18.0"), "Former mark of hosts being up to date";
        gpgkey_path: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).prototyped("22.12.0"), "Key file that signs it, under the key directory";
        origin: Origin = static_ro(POOL_OP.and_client_cert()).default(Default::Str("remote")).prototyped("24.23.0"), "Where its packages come from";
        certificate: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).prototyped("25.7.0"), "Certificate of the other pool's coordinator, for remote_pool";
    }

    methods {
        introduce(name_label: String, name_description: String, binary_url: String, source_url: String, update: bool, gpgkey_path: String = opt(Default::Str(""))) -> Ref<Repository> = op(POOL_OP.and_client_cert()).published("1.301.0"), "Add a repository on a web server";
        introduce_bundle(name_label: String, name_description: String) -> Ref<Repository> = op(POOL_OP.and_client_cert()).prototyped("24.23.0"), "Add the repository that uploaded bundles fill";
        introduce_remote_pool(name_label: String, name_description: String, binary_url: String, certificate: String) -> Ref<Repository> = op(POOL_OP.and_client_cert()).prototyped("25.7.0"), "Add another pool's coordinator as repository";
        forget(self: Ref<Repository>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Drop a repository that is not in use";
        apply(host: Ref<Host>) = op(POOL_OP.and_client_cert()).published("1.301.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Install the updates on a host";
        set_gpgkey_path(self: Ref<Repository>, value: String) = op(POOL_OP.and_client_cert()).prototyped("22.12.0"), "Choose the key file that signs it";
        apply_livepatch(host: Ref<Host>, component: String, base_build_id: String, base_version: String, base_release: String, to_version: String, to_release: String) = op(POOL_OP.and_client_cert()).prototyped("22.20.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Load a live patch into the kernel or hypervisor of a host";
    }
}

api_enum! {
    Origin "origin" "Where a repository's packages come from" {
        Remote = "remote" "A web server on the network",
        Bundle = "bundle" "A file that was uploaded",
        RemotePool = "remote_pool" "The coordinator of another pool",
    }
}
