# Declared guests to entries of the manifest. Pure. A guest that runs NixOS hands in what its evaluation gave (kernel,
# initrd, store image) as plain paths: this file evaluates no system.
{ prelude, uuid }:
let
  inherit (builtins) concatMap concatStringsSep elem filter length map sort;
  inherit (prelude) check duplicates enabled mapToList optional quoted;

  inOrder = attrs: sort (left: right: if left.position != right.position then left.position < right.position else left.name < right.name)
    (mapToList (name: value: value // { inherit name; }) attrs);
  numbered = values: builtins.genList (i: builtins.elemAt values i // { index = i; }) (length values);

  disksOf = domain: numbered (inOrder domain.disks);
  nicsOf = domain: numbered (inOrder domain.networks);

  bootOf = domain:
    let b = domain.boot; in
    if b.kind == "direct" then {
      inherit (b) kind;
      kernel = toString b.kernel;
      initrd = if b.initrd == null then null else toString b.initrd;
      cmdline = concatStringsSep " " b.cmdline;
    } else if b.kind == "iso" then {
      inherit (b) kind iso;
    } else { inherit (b) kind; };
in
rec {
  uuidOf = hostUuid: name: domain: if domain.uuid != null then domain.uuid else uuid.derive hostUuid "domain/${name}";

  # The device a guest sees a disk as.
  deviceOf = domain: name:
    let found = filter (disk: disk.name == name) (disksOf domain);
    in "/dev/xvd${builtins.substring (builtins.head found).index 1 "abcdefghijklmnopqrstuvwxyz"}";

  manifest = hostUuid: cfg: mapToList
    (name: domain:
      let id = uuidOf hostUuid name domain; in
      {
        inherit name;
        uuid = id;
        label = if domain.label != null then domain.label else name;
        inherit (domain) description type autoStart startOrder policy onRemove restartIfChanged ephemeral pci extraRecord;
        memory = domain.memory;
        vcpus = { inherit (domain.vcpus) count weight; max = if domain.vcpus.max == null then domain.vcpus.count else domain.vcpus.max; };
        boot = bootOf domain;
        disks = map
          (disk: {
            inherit (disk) name repository readOnly bootable;
            uuid = if disk.uuid != null then disk.uuid else uuid.derive id "disk/${disk.name}";
            adopted = disk.uuid != null;
            position = disk.index;
            size = if disk.size == null then null else disk.size * 1024 * 1024;
            path = if disk.path == null then null else toString disk.path;
            keep = disk.onRemove == "keep";
          })
          (disksOf domain);
        networks = map
          (nic: {
            inherit (nic) name bridge;
            position = nic.index;
            mac = if nic.mac != null then nic.mac else uuid.mac id nic.name;
            locked = nic.locked;
            addresses = nic.addresses;
          })
          (nicsOf domain);
        option = "xennix.domains.${name}";
      })
    (enabled cfg);

  # `bridges` and `repositories`: names that are declared; `open`: whether others may be used (networks of xapi's own).
  checks = { bridges, repositories, openBridges ? false, hostUuid }: cfg:
    let
      all = mapToList (name: domain: domain // { inherit name; }) (enabled cfg);
      at = domain: what: "${domain.name}.${what}";
      eachDisk = f: concatMap (domain: concatMap (disk: optional (f domain disk) (at domain disk.name)) (disksOf domain)) all;
      eachNic = f: concatMap (domain: concatMap (nic: optional (f domain nic) (at domain nic.name)) (nicsOf domain)) all;
      strangeBridges = eachNic (_: nic: !(openBridges || elem nic.bridge bridges));
      strangeRepositories = eachDisk (_: disk: disk.path == null && disk.repository != null && !(elem disk.repository repositories));
      sizeless = eachDisk (_: disk: disk.size == null && disk.path == null && disk.uuid == null);
      both = eachDisk (_: disk: disk.size != null && disk.path != null);
      homeless = eachDisk (_: disk: disk.path == null && disk.repository == null && !(elem "default" repositories));
      writable = eachDisk (_: disk: disk.path != null && !disk.readOnly);
      kernelless = map (domain: domain.name) (filter (domain: domain.boot.kind == "direct" && domain.boot.kernel == null) all);
      isoless = map (domain: domain.name) (filter (domain: domain.boot.kind == "iso" && domain.boot.iso == null) all);
      wrongType = map (domain: domain.name) (filter
        (domain: (elem domain.boot.kind [ "uefi" "bios" "iso" ] && domain.type != "hvm")
          || (elem domain.boot.kind [ "direct" "pvgrub" ] && domain.type == "hvm"))
        all);
      tooMany = map (domain: domain.name) (filter (domain: domain.vcpus.max != null && domain.vcpus.max < domain.vcpus.count) all);
      uuids = duplicates (map (domain: uuidOf hostUuid domain.name domain) all);
      macs = duplicates (concatMap (domain: filter (mac: mac != null) (map (nic: nic.mac) (nicsOf domain))) all);
      shared = map (domain: domain.name) (filter (domain: domain.store == "shared") all);
      openLocks = eachNic (_: nic: nic.locked && nic.addresses == [ ]);
    in
    [
      (check "dom-unknown-bridge" (strangeBridges == [ ])
        "networks of guests name a declared bridge; correct `bridge` of ${quoted strangeBridges} to one of ${quoted bridges}")
      (check "dom-unknown-repository" (strangeRepositories == [ ])
        "disks name a declared repository; correct `repository` of ${quoted strangeRepositories} to one of ${quoted repositories}")
      (check "dom-disk-without-size" (sizeless == [ ])
        "a disk is made with a size or taken from a path: set `size` (MiB) or `path` of ${quoted sizeless}")
      (check "dom-disk-size-and-path" (both == [ ]) "a disk has a `size` or a `path`, not both: ${quoted both}")
      (check "dom-disk-without-repository" (homeless == [ ])
        "no repository is the default: set `repository` of ${quoted homeless}, or `default = true` on one of xennix.storage.repositories")
      (check "dom-path-writable" (writable == [ ])
        "files given by `path` are handed out read-only: set `readOnly = true` on ${quoted writable}")
      (check "dom-direct-without-kernel" (kernelless == [ ])
        "direct boot needs a kernel: set `boot.kernel` of ${quoted kernelless}, or give a NixOS `config`")
      (check "dom-iso-without-image" (isoless == [ ]) "set `boot.iso` of ${quoted isoless} to the name of an image in an ISO repository")
      (check "dom-boot-type" (wrongType == [ ])
        "boot kinds uefi, bios and iso need `type = \"hvm\"`, direct and pvgrub need pvh or pv: change ${quoted wrongType}")
      (check "dom-vcpus" (tooMany == [ ]) "`vcpus.max` is at least `vcpus.count`: change ${quoted tooMany}")
      (check "dom-uuid-twice" (uuids == [ ]) "UUIDs are unique: two guests have ${quoted uuids}")
      (check "dom-mac-twice" (macs == [ ]) "MAC addresses are unique: two networks have ${quoted macs}")
      # A share of files needs a device the toolstack can't give a guest yet: its API knows disks and cards only.
      (check "dom-store-shared" (shared == [ ])
        "this host's store can't be shared with guests yet: set `store = \"image\"` (a read-only copy made here) or `store = \"own\"` on ${quoted shared}")
      (check "dom-lock-without-address" (openLocks == [ ])
        "a locked network lets only its addresses pass: set `addresses` of ${quoted openLocks}")
    ];

  warnings = { hostMemory ? null, dom0Memory ? 0 }: cfg:
    let
      all = mapToList (name: domain: domain // { inherit name; }) (enabled cfg);
      started = filter (domain: domain.autoStart) all;
      sum = builtins.foldl' (total: domain: total + domain.memory) dom0Memory started;
      kept = map (domain: domain.name) (filter
        (domain: domain.policy == "locked" && !domain.ephemeral && prelude.any (disk: !disk.readOnly) (disksOf domain))
        all);
    in
    optional (hostMemory != null && sum > hostMemory)
      "xennix.domains: guests that start by themselves and dom0 want ${toString sum} MiB, the host has ${toString hostMemory}"
    ++ optional (kept != [ ])
      "xennix.domains: ${quoted kept}: policy \"locked\" also refuses snapshots, so backups of the writable disks have to be made inside the guest";
}
