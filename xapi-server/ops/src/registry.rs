//! [`Registry`]: which function answers which hand-written method.
//!
//! A function is registered under its typed handle, so a wrong signature does not compile, and what is
//! not registered is countable.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use xapi_schema::{ApiType, Args, Class, ClassTag, Failure, FromValue, Method, Ref, Result, Value, schema};

use crate::Cx;

/// A boxed future that can move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Code behind one method: typed values in, value out.
pub type Handler = Arc<dyn Fn(Cx, Vec<Value>) -> BoxFuture<Result<Value>> + Send + Sync>;

/// An async function of the context and the arguments `A`.
pub trait Operation<A, R>: Send + Sync + 'static {
    /// Calls it with its arguments apart.
    fn run(&self, cx: Cx, args: A) -> BoxFuture<Result<R>>;
}

macro_rules! operation {
    ($($name:ident),*) => {
        impl<Fun, Fut, R, $($name: Send + 'static),*> Operation<($($name,)*), R> for Fun
        where
            Fun: Fn(Cx, $($name),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R>> + Send + 'static,
        {
            #[allow(non_snake_case)] // the type parameters double as variable names
            fn run(&self, cx: Cx, ($($name,)*): ($($name,)*)) -> BoxFuture<Result<R>> {
                Box::pin(self(cx, $($name),*))
            }
        }
    };
}

operation!();
operation!(A);
operation!(A, B);
operation!(A, B, C);
operation!(A, B, C, D);
operation!(A, B, C, D, E);
operation!(A, B, C, D, E, F);
operation!(A, B, C, D, E, F, G);
operation!(A, B, C, D, E, F, G, H);
operation!(A, B, C, D, E, F, G, H, I);
operation!(A, B, C, D, E, F, G, H, I, J);
operation!(A, B, C, D, E, F, G, H, I, J, K);
operation!(A, B, C, D, E, F, G, H, I, J, K, L);

/// A member a constructor needs and was not given.
fn missing_member(class: &'static Class, members: &Value) -> Option<&'static str> {
    let needed = class.constructor_fields().filter(|(_, required)| *required);
    needed.map(|(at, _)| class.fields[at].name).find(|name| members.get(name).is_none())
}

/// All registered functions.
#[derive(Default)]
pub struct Registry {
    handlers: HashMap<String, Handler>,
}

impl Registry {
    /// Answers a hand-written method.
    ///
    /// # Panics
    /// At start-up, when the method is registered twice.
    pub fn on<A, R>(&mut self, method: Method<A, R>, operation: impl Operation<A, R>)
    where
        A: Args + Send + 'static,
        R: ApiType + 'static,
    {
        let name = method.name();
        let operation = Arc::new(operation);
        let shown = name.clone();
        self.add(
            name,
            Arc::new(move |cx, values| match A::read(&values) {
                Some(args) => {
                    let running = operation.run(cx, args);
                    Box::pin(async move { Ok(running.await?.into_value()) })
                }
                None => {
                    let failure =
                        Failure::internal(format!("{shown}: arguments do not have their declared types"));
                    Box::pin(async move { Err(failure) })
                }
            }),
        );
    }

    /// Answers `create` of a class; gets the typed members that were sent.
    pub fn on_create<C, Fut>(&mut self, create: impl Fn(Cx, Value) -> Fut + Send + Sync + 'static)
    where
        C: ClassTag,
        Fut: Future<Output = Result<Ref<C>>> + Send + 'static,
    {
        self.add(
            format!("{}.create", Class::of(C::ID).name),
            Arc::new(move |cx, mut values| {
                let members = values.pop().unwrap_or(Value::Nil);
                if let Some(missing) = missing_member(Class::of(C::ID), &members) {
                    let failure = Failure::internal(format!("the member {missing} is missing"));
                    return Box::pin(async move { Err(failure) });
                }
                let running = create(cx, members);
                Box::pin(async move { Ok(running.await?.into_value()) })
            }),
        );
    }

    /// Answers `destroy` of a class.
    pub fn on_destroy<C, Fut>(&mut self, destroy: impl Fn(Cx, Ref<C>) -> Fut + Send + Sync + 'static)
    where
        C: ClassTag,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let name = format!("{}.destroy", Class::of(C::ID).name);
        self.on_rule(&name, move |cx, this: Ref<C>| {
            let running = destroy(cx, this);
            async move { Ok(running.await?.into_value()) }
        });
    }

    /// Answers a method with many arguments; gets them as a map by name.
    pub fn on_named<R, Fut>(&mut self, name: &str, answer: impl Fn(Cx, Value) -> Fut + Send + Sync + 'static)
    where
        R: ApiType,
        Fut: Future<Output = Result<R>> + Send + 'static,
    {
        let names: Vec<_> =
            schema().message(name).map(|m| m.params.iter().map(|p| p.name).collect()).unwrap_or_default();
        self.add(
            name.to_string(),
            Arc::new(move |cx, values| {
                let running = answer(cx, Value::map(names.iter().copied().zip(values)));
                Box::pin(async move { Ok(running.await?.into_value()) })
            }),
        );
    }

    /// Answers a method of one argument that exists by rule and needs code of its own, by name.
    pub fn on_rule<T, Fut>(&mut self, name: &str, answer: impl Fn(Cx, T) -> Fut + Send + Sync + 'static)
    where
        T: FromValue,
        Fut: Future<Output = Result<Value>> + Send + 'static,
    {
        let shown = name.to_string();
        self.add(
            name.to_string(),
            Arc::new(move |cx, values| match values.first().and_then(T::from_value) {
                Some(argument) => Box::pin(answer(cx, argument)),
                None => {
                    let failure =
                        Failure::internal(format!("{shown}: argument does not have its declared type"));
                    Box::pin(async move { Err(failure) })
                }
            }),
        );
    }

    /// Answers a setter that exists by rule and needs code of its own, by name.
    pub fn on_setter<C, T, Fut>(
        &mut self,
        name: &str,
        set: impl Fn(Cx, Ref<C>, T) -> Fut + Send + Sync + 'static,
    ) where
        C: ClassTag,
        T: FromValue,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let shown = name.to_string();
        self.add(
            name.to_string(),
            Arc::new(move |cx, values| {
                let typed = match &values[..] {
                    [this, value] => Ref::<C>::from_value(this).zip(T::from_value(value)),
                    _ => None,
                };
                match typed {
                    Some((this, value)) => {
                        let running = set(cx, this, value);
                        Box::pin(async move { Ok(running.await?.into_value()) })
                    }
                    None => {
                        let failure =
                            Failure::internal(format!("{shown}: arguments do not have their declared types"));
                        Box::pin(async move { Err(failure) })
                    }
                }
            }),
        );
    }

    fn add(&mut self, name: String, handler: Handler) {
        assert!(schema().message(&name).is_some(), "{name} is not in the schema");
        let before = self.handlers.insert(name.clone(), handler);
        assert!(before.is_none(), "{name} is registered twice");
    }

    /// The function of a method.
    pub fn get(&self, name: &str) -> Option<&Handler> {
        self.handlers.get(name)
    }

    /// Methods that need code and have none, in schema order. Removed methods need none.
    pub fn unimplemented(&self) -> Vec<&'static str> {
        let needs_code = schema().messages().iter().filter(|m| {
            let elsewhere = crate::auto::answers(m) || crate::session::methods::opens(m);
            m.custom_code && m.lifecycle.state() != xapi_schema::State::Removed && !elsewhere
        });
        needs_code.filter(|m| !self.handlers.contains_key(&m.name)).map(|m| m.name.as_str()).collect()
    }
}

/// Methods that need code and have none: the list in `docs/unimplemented.txt`.
pub fn unimplemented() -> Vec<&'static str> {
    let mut registry = Registry::default();
    crate::handlers::register(&mut registry);
    registry.unimplemented()
}
