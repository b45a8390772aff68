//! `blob`: A binary object stored with the pool, moved over HTTP.

use crate::classes::prelude::*;

class! {
    Blob "blob" "A binary object stored with the pool, moved over HTTP" = table(Some(POOL_OP)).published("orlando");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the object";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Free text telling what it contains";
        size: i64 = dynamic_ro(POOL_OP).published("rio"), "Length in bytes";
        public: bool = rw(POOL_OP).default(Default::Bool(false)).published("tampa"), "True if it may be fetched without login";
        last_updated: DateTime = static_ro(POOL_OP).published("rio"), "When the contents were last written";
        mime_type: String = static_ro(POOL_OP).published("rio"), "Media type of the contents";
    }

    methods {
        create(mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando").sync(), "Add an empty object; contents follow over HTTP";
        destroy(self: Ref<Blob>) = op(POOL_OP).published("orlando").sync(), "Delete the object with its contents";
    }
}
