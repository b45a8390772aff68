//! `vdi_nbd_server_info`: vdi_nbd_server_info.

use crate::classes::prelude::*;

class! {
    VdiNbdServerInfo "vdi_nbd_server_info" "vdi_nbd_server_info" = no_table(Some(NOBODY)).published("inverness");

    fields {
        exportname: String = dynamic_ro(NOBODY).published("inverness"), "Exportname";
        address: String = dynamic_ro(NOBODY).published("inverness"), "Address";
        port: i64 = dynamic_ro(NOBODY).published("inverness"), "Port";
        cert: String = dynamic_ro(NOBODY).published("inverness"), "Cert";
        subject: String = dynamic_ro(NOBODY).published("inverness"), "Subject";
    }

    methods {
    }
}
