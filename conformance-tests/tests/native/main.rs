//! The daemon with real disks, over the wire only: storage repositories in a directory and on a file system of their
//! own, disks and VMs through their lives, transfers, and kills in the middle of all of it. The hypervisor is the
//! simulated one; disks, their servers and everything on the file systems are real.

mod disks;
mod guests;
mod kills;
mod transfers;
mod world;
