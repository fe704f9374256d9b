//! The layers of the store as types: each is a held namespace with the methods of its own layer and of those below it. A method
//! of a layer cannot call one that lies above it, since it does not know that type.

/// Declares the type of a layer, over that of the one below it.
macro_rules! layer {
    ($(#[$about:meta])* $name:ident over $below:ident) => {
        $(#[$about])*
        #[derive(Debug)]
        pub(in crate::store) struct $name<'s>($below<'s>);

        impl<'s> From<crate::store::ground::held::Held<'s>> for $name<'s> {
            #[inline(always)]
            fn from(held: crate::store::ground::held::Held<'s>) -> Self {
                Self(held.into())
            }
        }

        impl<'s> std::ops::Deref for $name<'s> {
            type Target = $below<'s>;

            #[inline(always)]
            fn deref(&self) -> &$below<'s> {
                &self.0
            }
        }

        impl<'s> std::ops::DerefMut for $name<'s> {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut $below<'s> {
                &mut self.0
            }
        }
    };
}

pub(in crate::store) use layer;
