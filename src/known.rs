//! A value that the input may not hold.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Either a value, or the honest answer that the input does not say, with what would settle it.
///
/// Serialized as the value itself, or as `{"unknown": "what would settle it"}`. A rule whose condition touches an
/// unknown value is *not evaluated* and reports `needs`; it never passes silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// The input says.
    Known(T),
    /// The input does not say.
    Unknown {
        /// The file or command output that would settle it, as a phrase: "the initrd `boot/initrd.img-6.1`".
        needs: String,
    },
}

impl<T> Known<T> {
    /// The input does not say; `needs` would settle it.
    pub fn unknown(needs: impl Into<String>) -> Self {
        Self::Unknown { needs: needs.into() }
    }

    /// The value, if the input says.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// What would settle it, if the input does not say.
    pub fn needs(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown { needs } => Some(needs),
        }
    }

    /// Applies `f` to a known value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Known(value) => Known::Known(f(value)),
            Self::Unknown { needs } => Known::Unknown { needs },
        }
    }

    /// Borrows the value.
    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Self::Known(value) => Known::Known(value),
            Self::Unknown { needs } => Known::Unknown { needs: needs.clone() },
        }
    }
}

impl<T: Default> Default for Known<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown { needs } => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("unknown", needs)?;
                map.end()
            }
        }
    }
}

impl<T: JsonSchema> JsonSchema for Known<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Known_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({
            "anyOf": [
                value,
                {
                    "type": "object",
                    "properties": { "unknown": { "type": "string" } },
                    "required": ["unknown"],
                    "description": "The input does not say; the text names what would settle it."
                }
            ]
        })
    }
}
