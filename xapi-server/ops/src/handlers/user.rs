//! `user`: rows of an old kind of account. Nobody logs in by them; old clients keep notes in them.

use xapi_schema::{ClassId, Ref, Result, Value, classes::User};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
}

async fn create(cx: Cx, members: Value) -> Result<Ref<User>> {
    cx.commit(move |tx| tx.create_value(ClassId::User, None, &members).map(Ref::new)).await
}

async fn destroy(cx: Cx, this: Ref<User>) -> Result<()> {
    cx.commit(move |tx| tx.destroy(&this)).await
}
