# The manifest: the one document the Nix side hands to the reconciler. Pure. Its types are those of the crate
# `xennix-manifest`; `nixos/manifest.schema.json` is their schema.
{ network, storage, domains }:
{
  schemaVersion = 1;
  # Settings as plain data: { hostUuid; pool; host; network; storage; domains; policy }.
  make = cfg: {
    schemaVersion = 1;
    inherit (cfg) hostUuid;
    pool = { inherit (cfg.pool) nameLabel nameDescription; };
    host = { inherit (cfg.host) nameLabel nameDescription; };
    networks = if cfg.network.enable then network.manifest cfg.hostUuid cfg.network else [ ];
    storage = if cfg.storage.enable then storage.manifest cfg.hostUuid cfg.storage else [ ];
    domains = domains.manifest cfg.hostUuid cfg.domains;
    inherit (cfg) policy;
  };
}
