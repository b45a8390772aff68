//! `blob`: blob.

use crate::classes::prelude::*;

class! {
    Blob "blob" "blob" = table(Some(POOL_OP)).published("orlando");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        size: i64 = dynamic_ro(POOL_OP).published("rio"), "Size";
        public: bool = rw(POOL_OP).default(Default::Bool(false)).published("tampa"), "Public";
        last_updated: DateTime = static_ro(POOL_OP).published("rio"), "Last updated";
        mime_type: String = static_ro(POOL_OP).published("rio"), "Mime type";
    }

    methods {
        create(mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando").sync(), "Create";
        destroy(self: Ref<Blob>) = op(POOL_OP).published("orlando").sync(), "Destroy";
    }
}
