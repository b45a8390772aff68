# Programs the toolstack starts, by the package of nixpkgs that has them. What is not here is not on its unit's path. Pure.
{
  # On every host.
  always = {
    coreutils = [ "env" "timeout" ];
    util-linux = [ "blkid" "fsck" "kill" "mount" "setsid" "umount" "wipefs" ];
    kmod = [ "modprobe" ];
    iproute2 = [ "bridge" "ip" ];
    nftables = [ "nft" ];
    ethtool = [ "ethtool" ];
    systemd = [ "journalctl" "networkctl" "poweroff" "reboot" "resolvectl" "shutdown" "systemctl" ];
  };
  # Where disks are this machine's own.
  storage = {
    lvm2 = [ "lvchange" "lvcreate" "lvextend" "lvreduce" "lvremove" "lvrename" "lvs" "pvcreate" "pvremove" "pvs" "vgchange" "vgcreate" "vgremove" "vgs" ];
    e2fsprogs = [ "fsck.ext4" "mkfs.ext4" ];
    xfsprogs = [ "mkfs.xfs" ];
    nfs-utils = [ "mount.nfs" "showmount" ];
    cifs-utils = [ "mount.cifs" ];
    openiscsi = [ "iscsiadm" ];
  };
  # Where it runs guests on Xen.
  xen = { swtpm = [ "swtpm" ]; };
  # Where the toolstack makes bridges of the kernel itself: a client for leases.
  kernel = { dhcpcd = [ "dhcpcd" ]; };
  openvswitch = { openvswitch = [ "ovs-vsctl" ]; };
  # Of the Xen packages, of this repository, or others than those above that would do as well.
  elsewhere = {
    xen = [ "xen-cpuid" "xl" ];
    qemu_xen = [ "qemu-system-i386" ];
    own = [ "xennix-disk" ];
    unneeded = [ "dhclient" "tap-ctl" "udhcpc" ];
  };
}
