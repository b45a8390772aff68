# Storage repositories to entries of the manifest. Pure. Nothing here formats: a new repository is made by the server
# when it is declared with `create`, an adopted one is only ever introduced and attached.
{ prelude, uuid }:
let
  inherit (builtins) concatMap filter length map;
  inherit (prelude) check duplicates dropNulls enabled mapToList optional quoted unique;

  # Our type -> the server's SR type, the settings it needs, and the keys of `device_config` they become.
  kinds = {
    ext = { type = "ext"; needs = "device"; };
    lvm = { type = "lvm"; needs = "device"; };
    zfs = { type = "zfs"; needs = "path"; };
    btrfs = { type = "file"; needs = "path"; };
    file = { type = "file"; needs = "path"; };
    nfs = { type = "nfs"; needs = "server"; };
    iso = { type = "iso"; needs = "path"; };
    nfs-iso = { type = "iso"; needs = "server"; };
    other = { type = null; needs = null; };
  };

  deviceConfig = sr:
    dropNulls
      {
        device = if kinds.${sr.type}.needs == "device" then sr.device else null;
        location =
          if sr.type == "nfs-iso" then "${toString sr.server}:${toString sr.serverPath}"
          else if kinds.${sr.type}.needs == "path" then sr.path
          else null;
        server = if sr.type == "nfs" then sr.server else null;
        serverpath = if sr.type == "nfs" then sr.serverPath else null;
        type = if sr.type == "nfs-iso" then "nfs_iso" else null;
        legacy_mode = if sr.type == "iso" then "true" else null;
      }
    // sr.deviceConfig;
  isIso = sr: sr.type == "iso" || sr.type == "nfs-iso" || (sr.type == "other" && sr.xapiType == "iso");
  isShared = sr: if sr.shared != null then sr.shared else sr.type == "nfs" || sr.type == "nfs-iso";

  directories = paths: {
    ${if paths.iso == null then null else "iso"} = { type = "iso"; path = paths.iso; };
    ${if paths.images == null then null else "images"} = { type = "file"; path = paths.images; };
    ${if paths.suspend == null then null else "suspend"} = { type = "file"; path = paths.suspend; };
  };
  blank = {
    enable = true;
    device = null;
    path = null;
    server = null;
    serverPath = null;
    default = false;
    shared = null;
    uuid = null;
    adopted = false;
    create = true;
    label = null;
    description = "";
    deviceConfig = { };
    xapiType = null;
  };
in
rec {
  inherit kinds;

  # Repositories after defaults: the declared ones and those of `paths`.
  resolve = cfg:
    builtins.mapAttrs (_: one: blank // { policy = cfg.policy; } // one) (directories cfg.paths)
    // enabled cfg.repositories;

  uuidOf = hostUuid: name: sr: if sr.uuid != null then sr.uuid else uuid.derive hostUuid "storage/${name}";

  manifest = hostUuid: cfg: mapToList
    (name: sr: {
      inherit name;
      uuid = uuidOf hostUuid name sr;
      label = if sr.label != null then sr.label else name;
      inherit (sr) description adopted policy;
      create = sr.create && !sr.adopted;
      type = if sr.type == "other" then sr.xapiType else kinds.${sr.type}.type;
      contentType = if isIso sr then "iso" else "user";
      shared = isShared sr;
      default = sr.default;
      deviceConfig = deviceConfig sr;
      option = if cfg.repositories ? ${name} then "xennix.storage.repositories.${name}" else "xennix.storage.paths.${name}";
    })
    (resolve cfg);

  # Directories that must exist before the server starts. Mount points of ZFS and btrfs are the user's own.
  ownDirectories = cfg: unique (concatMap (sr: optional (sr.type == "file" || sr.type == "iso") sr.path)
    (filter (sr: sr.path != null && !sr.adopted) (builtins.attrValues (resolve cfg))));

  # Names for `boot.supportedFilesystems`.
  filesystems = cfg:
    let types = map (sr: sr.type) (builtins.attrValues (resolve cfg));
    in filter (name: name != null) (unique (map
      (type: { ext = "ext4"; zfs = "zfs"; btrfs = "btrfs"; nfs = "nfs"; nfs-iso = "nfs"; }.${type} or null)
      types));

  checks = cfg:
    let
      all = mapToList (name: sr: sr // { inherit name; }) (resolve cfg);
      without = need: setting: map (sr: sr.name) (filter (sr: kinds.${sr.type}.needs == need && sr.${setting} == null && !(sr.adopted && sr.deviceConfig != { })) all);
      devices = without "device" "device";
      paths = without "path" "path";
      servers = without "server" "server" ++ without "server" "serverPath";
      defaults = map (sr: sr.name) (filter (sr: sr.default) all);
      nameless = map (sr: sr.name) (filter (sr: sr.adopted && sr.uuid == null) all);
      uuids = duplicates (filter (one: one != null) (map (sr: sr.uuid) all));
      untyped = map (sr: sr.name) (filter (sr: sr.type == "other" && sr.xapiType == null) all);
      isoDefault = map (sr: sr.name) (filter (sr: sr.default && isIso sr) all);
    in
    [
      (check "sr-without-device" (devices == [ ])
        "repositories on a disk need to know which: set `device` of ${quoted devices} to a path below /dev/disk/by-id, or `adopted = true` with a `deviceConfig`")
      (check "sr-without-path" (paths == [ ]) "set `path` of the repositories ${quoted paths}")
      (check "sr-without-server" (servers == [ ]) "set `server` and `serverPath` of the repositories ${quoted (unique servers)}")
      (check "sr-two-defaults" (length defaults < 2) "one repository is the default: keep `default = true` on only one of ${quoted defaults}")
      (check "sr-iso-default" (isoDefault == [ ]) "disks can't live among ISO images: remove `default = true` from ${quoted isoDefault}")
      (check "sr-adopted-without-uuid" (nameless == [ ])
        "adopted repositories are known by their UUID: set `uuid` of ${quoted nameless} to what `xe sr-list` said")
      (check "sr-uuid-twice" (uuids == [ ]) "UUIDs are unique: change one of the repositories with ${quoted uuids}")
      (check "sr-other-without-type" (untyped == [ ]) "set `xapiType` of the repositories ${quoted untyped} to the SR type the server knows")
    ];
}
