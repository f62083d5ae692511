//! Properties in a view: read from the frame when somebody asks for them, so that the view of a packet stays small.

/// Where the properties of a view are.
pub(super) enum Source<'a, T> {
    /// In a block that the decoder has checked, perhaps among others.
    Wire(&'a [u8]),
    Owned(&'a T),
}

impl<T> Clone for Source<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Source<'_, T> {}

/// In `Debug` a value that everybody may see.
pub(super) const fn shown<T>(value: T) -> T {
    value
}

/// In `Debug` that there is a value, and not which.
pub(super) fn hidden<T>(_: T) -> &'static str {
    "..."
}

/// Makes the view of owned properties: a method for each field, in the order in which they are written. `Debug` shows
/// those that are there, which are few.
macro_rules! properties_view {
    (
        $(#[$meta:meta])*
        $view:ident of $owned:ident, $shown:literal {
            $($(#[$doc:meta])* $name:ident: $value:ty | $borrowed:ty, $id:ident, $debug:ident;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $view<'a>(Source<'a, $owned>);

        impl<'a> $view<'a> {
            /// The properties in a block that was checked.
            pub(super) const fn checked(block: &'a [u8]) -> Self {
                Self(Source::Wire(block))
            }

            $(
                $(#[$doc])*
                pub fn $name(&self) -> Option<$borrowed> {
                    match self.0 {
                        Source::Wire(block) => property::find(block, id::$id).and_then(<$value>::read),
                        Source::Owned(properties) => properties.$name.as_ref().map(Value::view),
                    }
                }
            )*

            /// User Properties in their order.
            pub fn user_properties(&self) -> UserProperties<'a> {
                match self.0 {
                    Source::Wire(block) => UserProperties::checked(block, Version::V5),
                    Source::Owned(properties) => UserProperties::new(&properties.user_properties),
                }
            }

            /// Whether there is no property at all.
            #[inline]
            pub fn is_empty(&self) -> bool {
                match self.0 {
                    Source::Wire(block) => block.is_empty(),
                    Source::Owned(properties) => {
                        $(properties.$name.is_none())&&* && properties.user_properties.is_empty()
                    }
                }
            }

            /// The properties with storage of their own; binary values are copied.
            pub fn to_properties(&self) -> $owned {
                self.own(Storage::Copied)
            }

            pub(super) fn own(&self, storage: Storage<'_>) -> $owned {
                $owned {
                    $($name: self.$name().map(|value| <$value as Value>::own(value, storage)),)*
                    user_properties: self.user_properties().to_vec(),
                }
            }
        }

        impl $owned {
            /// The properties, borrowed.
            pub const fn view(&self) -> $view<'_> {
                $view(Source::Owned(self))
            }
        }

        impl Default for $view<'_> {
            fn default() -> Self {
                Self::checked(&[])
            }
        }

        impl PartialEq for $view<'_> {
            fn eq(&self, other: &Self) -> bool {
                $(self.$name() == other.$name())&&* && self.user_properties() == other.user_properties()
            }
        }

        impl fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct($shown);
                $(if let Some(value) = self.$name() {
                    shown.field(stringify!($name), &$debug(value));
                })*
                if self.user_properties().iter().next().is_some() {
                    shown.field("user_properties", &self.user_properties());
                }
                shown.finish()
            }
        }

        impl PropertySet for $view<'_> {
            fn write(&self, sink: &mut impl Sink) {
                match self.0 {
                    Source::Wire([]) => {}
                    Source::Wire(_) => {
                        $(if let Some(value) = self.$name() {
                            <$value as Value>::write(value, id::$id, property::field_of(id::$id), sink);
                        })*
                        property::put_user_properties(sink, &self.user_properties());
                    }
                    Source::Owned(properties) => {
                        $(if let Some(value) = &properties.$name {
                            let value = Value::view(value);
                            <$value as Value>::write(value, id::$id, property::field_of(id::$id), sink);
                        })*
                        for (name, value) in &properties.user_properties {
                            property::put_user_property(sink, name, value);
                        }
                    }
                }
            }
        }
    };
}

pub(super) use properties_view;
