"""Logs in with the Python XenAPI module, reads records, changes a name and waits for its event."""
import sys

import XenAPI

url, password, secure_url = sys.argv[1:4]

try:
    XenAPI.Session(url).xenapi.login_with_password("root", "wrong", "1.0", "conformance")
    sys.exit("a wrong password was accepted")
except XenAPI.Failure as failure:
    assert failure.details[0] == "SESSION_AUTHENTICATION_FAILED", failure.details

session = XenAPI.Session(url)
session.xenapi.login_with_password("root", password, "1.0", "conformance")
try:
    hosts = session.xenapi.host.get_all_records()
    assert [h["uuid"] for h in hosts.values()] == ["11111111-1111-4111-8111-111111111111"], hosts
    host, record = next(iter(hosts.items()))
    # Numbers are text, truth values and floats are not.
    assert record["API_version_major"] == "2", record["API_version_major"]
    assert record["enabled"] is True, record["enabled"]
    vms = session.xenapi.VM.get_all_records()
    assert all(vm["is_control_domain"] is True for vm in vms.values()), vms
    assert vms[record["control_domain"]]["HVM_shadow_multiplier"] == 1.0

    before = session.xenapi.event_from(["pool"], "", 5.0)
    pool = session.xenapi.pool.get_all()[0]
    assert pool in [event["ref"] for event in before["events"]], before
    name = "renamed <by> Python & ☃"
    session.xenapi.pool.set_name_label(pool, name)
    after = session.xenapi.event_from(["pool"], before["token"], 30.0)
    changes = [e for e in after["events"] if e["ref"] == pool and e["operation"] == "mod"]
    assert changes and changes[-1]["snapshot"]["name_label"] == name, after

    try:
        session.xenapi.VM.get_record("OpaqueRef:NULL")
        sys.exit("a record of nothing was answered")
    except XenAPI.Failure as failure:
        assert failure.details == ["HANDLE_INVALID", "VM", "OpaqueRef:NULL"], failure.details
finally:
    session.xenapi.session.logout()

secure = XenAPI.Session(secure_url, ignore_ssl=True)
secure.xenapi.login_with_password("root", password, "1.0", "conformance")
assert secure.xenapi.pool.get_name_label(pool) == name
secure.xenapi.session.logout()
print("done")
