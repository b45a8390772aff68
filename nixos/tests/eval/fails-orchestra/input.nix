# Xen Orchestra without what it needs.
{ module.services.xen-orchestra = { enable = true; connectLocal = true; http.tls.cert = "/cert.pem"; }; }
