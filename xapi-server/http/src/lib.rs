//! HTTP listeners, TLS, routing and limits
