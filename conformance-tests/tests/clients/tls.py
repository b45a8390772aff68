"""Logs in over TLS as clients of ten years ago do: 1.2, an RSA certificate, ephemeral keys, named ciphers only."""
import http.client
import json
import ssl
import sys
import warnings

port, password = int(sys.argv[1]), sys.argv[2]
warnings.simplefilter("ignore", DeprecationWarning)


def connect(version, ciphers):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
    connection.connect()
    return connection


for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"):
    connection = connect(ssl.TLSVersion.TLSv1_2, cipher)
    assert connection.sock.version() == "TLSv1.2", connection.sock.version()
    assert connection.sock.cipher()[0] == cipher, connection.sock.cipher()
    call = {"jsonrpc": "2.0", "id": 0, "method": "session.login_with_password", "params": ["root", password]}
    connection.request("POST", "/jsonrpc", json.dumps(call), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    assert answer["result"].startswith("OpaqueRef:"), answer
    connection.close()

connection = connect(ssl.TLSVersion.TLSv1_3, None)
assert connection.sock.version() == "TLSv1.3"
connection.close()

# Neither old versions nor keys that are not ephemeral.
for version, ciphers in (
    (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
    (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
    (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA"),
):
    try:
        connect(version, ciphers)
    except (ssl.SSLError, ConnectionError):
        continue
    sys.exit(f"{version} with {ciphers} was accepted")
print("done")
