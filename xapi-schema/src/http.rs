//! The HTTP handlers: method, path prefix, who may use them. Served by `xapi-server`, one file per handler there.

use crate::RoleSet;

/// One handler of the table. Paths match by longest prefix.
#[derive(Debug)]
pub struct Handler {
    /// Name in permissions: `http/<name>`.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path prefix.
    pub path: &'static str,
    /// Published for SDKs.
    pub sdk: bool,
    /// Query parameters as published: name and type.
    pub params: &'static [(&'static str, &'static str)],
    /// Who may use it.
    pub roles: RoleSet,
    /// Extra permissions: `http/<name>/<action>`.
    pub sub_actions: &'static [(&'static str, RoleSet)],
    /// The server checks the permission before the handler runs.
    pub rbac_checked: bool,
    /// The handler limits its own rate.
    pub own_rate_limit: bool,
}

/// Every handler.
pub static HANDLERS: &[Handler] = &[
    Handler { name: "get_services", method: "GET", path: "/services", sdk: true, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "post_services", method: "POST", path: "/services", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_services", method: "PUT", path: "/services", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "post_remote_db_access", method: "POST", path: "/remote_db_access", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "post_remote_db_access_v2", method: "POST", path: "/remote_db_access_v2", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_services_xenops", method: "GET", path: "/services/xenops", sdk: false, params: &[], roles: RoleSet::VM_POWER_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "post_services_xenops", method: "POST", path: "/services/xenops", sdk: false, params: &[], roles: RoleSet::VM_POWER_ADMIN.and_client_cert(), sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_services_xenops", method: "PUT", path: "/services/xenops", sdk: false, params: &[], roles: RoleSet::VM_POWER_ADMIN.and_client_cert(), sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_services_sm", method: "GET", path: "/services/SM", sdk: false, params: &[], roles: RoleSet::VM_POWER_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "post_services_sm", method: "POST", path: "/services/SM", sdk: false, params: &[], roles: RoleSet::VM_POWER_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_services_sm", method: "PUT", path: "/services/SM", sdk: false, params: &[], roles: RoleSet::VM_POWER_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_import", method: "PUT", path: "/import", sdk: true, params: &[("restore", "bool"), ("force", "bool"), ("sr_id", "string")], roles: RoleSet::VM_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_import_metadata", method: "PUT", path: "/import_metadata", sdk: true, params: &[("restore", "bool"), ("force", "bool"), ("dry_run", "bool")], roles: RoleSet::VM_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_import_raw_vdi", method: "PUT", path: "/import_raw_vdi", sdk: true, params: &[("vdi", "string"), ("format", "string"), ("chunked", "bool")], roles: RoleSet::VM_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_export", method: "GET", path: "/export", sdk: true, params: &[("uuid", "string"), ("use_compression", "string"), ("preserve_power_state", "bool")], roles: RoleSet::VM_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_export_metadata", method: "GET", path: "/export_metadata", sdk: true, params: &[("uuid", "string"), ("all", "bool"), ("include_dom0", "bool"), ("include_vhd_parents", "bool"), ("export_snapshots", "bool"), ("excluded_device_types", "string")], roles: RoleSet::VM_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_export_raw_vdi", method: "GET", path: "/export_raw_vdi", sdk: true, params: &[("vdi", "string"), ("format", "string")], roles: RoleSet::VM_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "connect_console", method: "CONNECT", path: "/console", sdk: false, params: &[], roles: RoleSet::VM_OP, sub_actions: &[("host_console", RoleSet::POOL_ADMIN)], rbac_checked: true, own_rate_limit: false },
    Handler { name: "connect_console_ws", method: "GET", path: "/console", sdk: false, params: &[], roles: RoleSet::VM_OP, sub_actions: &[("host_console_ws", RoleSet::POOL_ADMIN)], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_root", method: "GET", path: "/", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: false },
    Handler { name: "post_cli", method: "POST", path: "/cli", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: true },
    Handler { name: "get_host_backup", method: "GET", path: "/host_backup", sdk: true, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_host_restore", method: "PUT", path: "/host_restore", sdk: true, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_host_logs_download", method: "GET", path: "/host_logs_download", sdk: true, params: &[], roles: RoleSet::POOL_OP, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_pool_patch_upload", method: "PUT", path: "/pool_patch_upload", sdk: true, params: &[("sr_id", "string")], roles: RoleSet::POOL_OP, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_vncsnapshot", method: "GET", path: "/vncsnapshot", sdk: true, params: &[("uuid", "string")], roles: RoleSet::VM_OP, sub_actions: &[("host_console", RoleSet::POOL_ADMIN)], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_pool_xml_db_sync", method: "GET", path: "/pool/xmldbdump", sdk: true, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_pool_xml_db_sync", method: "PUT", path: "/pool/xmldbdump", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_config_sync", method: "GET", path: "/sync_config_files", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_system_status", method: "GET", path: "/system-status", sdk: true, params: &[("entries", "string"), ("output", "string")], roles: RoleSet::POOL_OP, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "vm_rrd", method: "GET", path: "/vm_rrd", sdk: true, params: &[("uuid", "string"), ("json", "bool")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_vm_rrds", method: "GET", path: "/vm_rrds", sdk: false, params: &[("uuid", "string"), ("json", "bool")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "host_rrd", method: "GET", path: "/host_rrd", sdk: true, params: &[("json", "bool")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_host_rrds", method: "GET", path: "/host_rrds", sdk: false, params: &[("json", "bool")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "sr_rrd", method: "GET", path: "/sr_rrd", sdk: true, params: &[("uuid", "string")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "rrd_updates", method: "GET", path: "/rrd_updates", sdk: true, params: &[("start", "int"), ("cf", "string"), ("interval", "int"), ("host", "bool"), ("uuid", "string"), ("json", "bool")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "rrd", method: "PUT", path: "/rrd", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_blob", method: "GET", path: "/blob", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: false },
    Handler { name: "put_blob", method: "PUT", path: "/blob", sdk: true, params: &[("ref", "string")], roles: RoleSet::VM_POWER_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_messages", method: "PUT", path: "/messages", sdk: false, params: &[], roles: RoleSet::VM_POWER_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "connect_remotecmd", method: "CONNECT", path: "/remotecmd", sdk: false, params: &[], roles: RoleSet::POOL_ADMIN, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_wlb_report", method: "GET", path: "/wlb_report", sdk: true, params: &[("report", "string")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_wlb_diagnostics", method: "GET", path: "/wlb_diagnostics", sdk: true, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_audit_log", method: "GET", path: "/audit_log", sdk: true, params: &[("since", "string")], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "post_root", method: "POST", path: "/", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: true },
    Handler { name: "post_RPC2", method: "POST", path: "/RPC2", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: true },
    Handler { name: "post_json", method: "POST", path: "/json", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: false },
    Handler { name: "post_root_options", method: "OPTIONS", path: "/", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: false },
    Handler { name: "post_json_options", method: "OPTIONS", path: "/json", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: false },
    Handler { name: "post_jsonrpc", method: "POST", path: "/jsonrpc", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: true },
    Handler { name: "post_jsonrpc_options", method: "OPTIONS", path: "/jsonrpc", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: false },
    Handler { name: "get_pool_update_download", method: "GET", path: "/update/", sdk: false, params: &[], roles: RoleSet::READ_ONLY, sub_actions: &[], rbac_checked: false, own_rate_limit: false },
    Handler { name: "get_repository", method: "GET", path: "/repository", sdk: false, params: &[], roles: RoleSet::NOBODY, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_enabled_repository", method: "GET", path: "/repository/enabled", sdk: false, params: &[], roles: RoleSet::POOL_OP.and_client_cert(), sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_host_updates", method: "GET", path: "/host_updates", sdk: false, params: &[], roles: RoleSet::POOL_OP.and_client_cert(), sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "get_updates", method: "GET", path: "/updates", sdk: true, params: &[], roles: RoleSet::POOL_OP.and_client_cert(), sub_actions: &[], rbac_checked: true, own_rate_limit: false },
    Handler { name: "put_bundle", method: "PUT", path: "/bundle", sdk: true, params: &[], roles: RoleSet::POOL_OP, sub_actions: &[], rbac_checked: true, own_rate_limit: false },
];
