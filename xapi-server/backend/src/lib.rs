//! What the toolstack stands on: hypervisor, storage, network and host, real or simulated
