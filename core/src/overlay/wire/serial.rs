//! Names and reasons as serde has them: text, which is checked where it is read.

use alloc::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::channel::ChannelName;
use super::plain::{Plain, Reason};
use super::value::Network;

macro_rules! text {
    ($name:ty $(, $($generic:tt)+)?) => {
        impl $(<$($generic)+>)? Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de $(, $($generic)+)?> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

text!(Network);
text!(ChannelName);
text!(Reason);
text!(Plain<MOST>, const MOST: usize);
