//! `vdi_nbd_server_info`: where and how to reach a disk over NBD.

use crate::classes::prelude::*;

class! {
    VdiNbdServerInfo "vdi_nbd_server_info" "Where and how to reach a disk over NBD" = no_table(Some(NOBODY)).published("inverness");

    fields {
        exportname: String = dynamic_ro(NOBODY).published("inverness"), "Export to ask for; contains a session, so keep it private";
        address: String = dynamic_ro(NOBODY).published("inverness"), "IP address of the server";
        port: i64 = dynamic_ro(NOBODY).published("inverness"), "TCP port of the server";
        cert: String = dynamic_ro(NOBODY).published("inverness"), "PEM text of the certificate the server presents";
        subject: String = dynamic_ro(NOBODY).published("inverness"), "Host name to check in the certificate";
    }

    methods {
    }
}
