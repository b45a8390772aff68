//! `Repository`: repository.

use crate::classes::prelude::*;

class! {
    Repository "Repository" "Repository" = table(Some(POOL_OP.and_client_cert())).published("1.301.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("1.301.0"), "Uuid";
        name_label: String = rw(POOL_OP.and_client_cert()).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP.and_client_cert()).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        binary_url: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).published("1.301.0"), "Binary url";
        source_url: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).published("1.301.0"), "Source url";
        update: bool = static_ro(POOL_OP.and_client_cert()).default(Default::Bool(false)).published("1.301.0"), "Update";
        hash: String = dynamic_ro(POOL_OP.and_client_cert()).default(Default::Str("")).published("1.301.0"), "Hash";
        up_to_date: bool = dynamic_ro(POOL_OP.and_client_cert()).default(Default::Bool(false)).published("1.301.0").deprecated("23.18.0").removed("23.18.0"), "Up to date";
        gpgkey_path: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).prototyped("22.12.0"), "Gpgkey path";
        origin: Origin = static_ro(POOL_OP.and_client_cert()).default(Default::Str("remote")).prototyped("24.23.0"), "Origin";
        certificate: String = static_ro(POOL_OP.and_client_cert()).default(Default::Str("")).prototyped("25.7.0"), "Certificate";
    }

    methods {
        introduce(name_label: String, name_description: String, binary_url: String, source_url: String, update: bool, gpgkey_path: String = opt(Default::Str(""))) -> Ref<Repository> = op(POOL_OP.and_client_cert()).published("1.301.0"), "Introduce";
        introduce_bundle(name_label: String, name_description: String) -> Ref<Repository> = op(POOL_OP.and_client_cert()).prototyped("24.23.0"), "Introduce bundle";
        introduce_remote_pool(name_label: String, name_description: String, binary_url: String, certificate: String) -> Ref<Repository> = op(POOL_OP.and_client_cert()).prototyped("25.7.0"), "Introduce remote pool";
        forget(self: Ref<Repository>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Forget";
        apply(host: Ref<Host>) = op(POOL_OP.and_client_cert()).published("1.301.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Apply";
        set_gpgkey_path(self: Ref<Repository>, value: String) = op(POOL_OP.and_client_cert()).prototyped("22.12.0"), "Set gpgkey path";
        apply_livepatch(host: Ref<Host>, component: String, base_build_id: String, base_version: String, base_release: String, to_version: String, to_release: String) = op(POOL_OP.and_client_cert()).prototyped("22.20.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Apply livepatch";
    }
}

api_enum! {
    Origin "origin" "origin" {
        Remote = "remote" "remote",
        Bundle = "bundle" "bundle",
        RemotePool = "remote_pool" "remote_pool",
    }
}
