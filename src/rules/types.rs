//! The types of what rules can read, made from the JSON schemas of the facts, targets and boots.
//!
//! A rule is checked against these when it is loaded, so that a misspelt field or a text compared with a number
//! is an error at its place in the rule file and not a rule that silently never matches.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// The type of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Type {
    /// What it is when it is there.
    pub(super) kind: Kind,
    /// Whether it may be null.
    pub(super) nullable: bool,
    /// Whether it may be unknown, so that its use must be guarded at run time.
    pub(super) unknown: bool,
}

/// What a value is, apart from null and unknown.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Anything; nothing is checked.
    Any,
    /// Nothing but null.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Double,
    /// A text; with the texts it can be, if these are known.
    Text(Option<Arc<[String]>>),
    /// A list and what is in it.
    List(Arc<Type>),
    /// A map from texts to values of one type.
    Map(Arc<Type>),
    /// A structure, by its name among the definitions.
    Object(Arc<str>),
}

impl Type {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, nullable: false, unknown: false }
    }

    pub(super) fn any() -> Self {
        Self { kind: Kind::Any, nullable: true, unknown: true }
    }

    pub(super) fn text() -> Self {
        Self::new(Kind::Text(None))
    }

    pub(super) fn list(of: Self) -> Self {
        Self::new(Kind::List(Arc::new(of)))
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text(_) | Kind::Any)
    }

    pub(super) fn is(&self, kind: &Kind) -> bool {
        matches!(self.kind, Kind::Any) || std::mem::discriminant(&self.kind) == std::mem::discriminant(kind)
    }

    /// The type that holds the values of both, or none if they do not go together.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        let kind = match (&self.kind, &other.kind) {
            (Kind::Any, _) | (_, Kind::Any) => Kind::Any,
            (Kind::Null, kind) | (kind, Kind::Null) => kind.clone(),
            (Kind::Text(Some(a)), Kind::Text(Some(b))) => {
                let mut all: Vec<String> = a.iter().chain(b.iter()).cloned().collect();
                all.sort();
                all.dedup();
                Kind::Text(Some(all.into()))
            }
            (Kind::Text(_), Kind::Text(_)) => Kind::Text(None),
            (Kind::Int | Kind::Double, Kind::Int | Kind::Double) if self.kind != other.kind => Kind::Double,
            // A list of nulls is the empty one, from which `filter` and `map` start; it adds no null.
            (Kind::List(a), kind @ Kind::List(_)) if a.kind == Kind::Null => kind.clone(),
            (kind @ Kind::List(_), Kind::List(b)) if b.kind == Kind::Null => kind.clone(),
            (Kind::List(a), Kind::List(b)) => Kind::List(Arc::new(a.join(b)?)),
            (Kind::Map(a), Kind::Map(b)) => Kind::Map(Arc::new(a.join(b)?)),
            (a, b) if a == b => a.clone(),
            _ => return None,
        };
        let null = |kind: &Kind| *kind == Kind::Null;
        Some(Self {
            kind,
            nullable: self.nullable || other.nullable || null(&self.kind) || null(&other.kind),
            unknown: self.unknown || other.unknown,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Any => f.write_str("a value of any type"),
            Kind::Null => f.write_str("null"),
            Kind::Bool => f.write_str("a bool"),
            Kind::Int => f.write_str("a number"),
            Kind::Double => f.write_str("a fraction"),
            Kind::Text(_) => f.write_str("a text"),
            Kind::List(of) => match &of.kind {
                Kind::Any => f.write_str("a list"),
                _ => write!(f, "a list of {}", plural(of)),
            },
            Kind::Map(_) => f.write_str("a map"),
            Kind::Object(name) => write!(f, "a structure `{name}`"),
        }
    }
}

fn plural(of: &Type) -> String {
    match &of.kind {
        Kind::Text(_) => "texts".into(),
        Kind::Int => "numbers".into(),
        Kind::Object(name) => format!("`{name}`"),
        _ => "lists".into(),
    }
}

/// The definitions of all structures, and the types of the names that a rule starts from.
#[derive(Debug, Default)]
pub(super) struct Types {
    objects: HashMap<Arc<str>, BTreeMap<String, Type>>,
    /// Top-level fields of the facts.
    pub(super) facts: BTreeMap<String, Type>,
}

impl Types {
    /// The fields of the structure called `name`.
    pub(super) fn fields(&self, name: &str) -> Option<&BTreeMap<String, Type>> {
        self.objects.get(name)
    }
}

/// Collects the schemas of several Rust types and turns them into [`Types`].
pub(super) struct Builder {
    generator: SchemaGenerator,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { generator: SchemaSettings::draft2020_12().for_serialize().into_generator() }
    }

    /// Adds the Rust type and returns its schema, to be given to [`Reader::of`].
    pub(super) fn add<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().to_value()
    }

    /// The reader of all schemas that were added.
    pub(super) fn finish(mut self) -> Reader {
        Reader::new(self.generator.take_definitions(true))
    }
}

/// Turns JSON schemas into types.
pub(super) struct Reader {
    definitions: Map<String, Value>,
    /// The types of the definitions that were read.
    read: HashMap<String, Type>,
    unnamed: usize,
    types: Types,
}

impl Reader {
    /// A reader of schemas that name these definitions.
    pub(super) fn new(definitions: Map<String, Value>) -> Self {
        Self { definitions, read: HashMap::new(), unnamed: 0, types: Types::default() }
    }

    /// The types read, with `facts` as the structure whose fields are the top-level names.
    pub(super) fn into_types(mut self, facts: &Value) -> Types {
        if let Kind::Object(name) = self.of(facts).kind {
            self.types.facts = self.types.objects.get(&name).cloned().unwrap_or_default();
        }
        self.types
    }

    /// The type that `schema` describes.
    pub(super) fn of(&mut self, schema: &Value) -> Type {
        let Some(schema) = schema.as_object() else { return Type::any() };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.definition(reference.trim_start_matches("#/$defs/"));
        }
        if let Some(constant) = schema.get("const").and_then(Value::as_str) {
            return Type::new(Kind::Text(Some([constant.to_owned()].into())));
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return enumeration(values);
        }
        if let Some(any) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
            return self.union(any);
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.named(name, schema),
            Some(Value::Array(names)) => self.nullable(names, schema),
            _ => Type::any(),
        }
    }

    fn nullable(&mut self, names: &[Value], schema: &Map<String, Value>) -> Type {
        let mut rest = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
        let (Some(name), None) = (rest.next(), rest.next()) else { return Type::any() };
        Type { nullable: true, ..self.named(name, schema) }
    }

    fn named(&mut self, name: &str, schema: &Map<String, Value>) -> Type {
        Type::new(match name {
            "null" => Kind::Null,
            "boolean" => Kind::Bool,
            "integer" => Kind::Int,
            "number" => Kind::Double,
            "string" => Kind::Text(None),
            "array" => {
                Kind::List(Arc::new(schema.get("items").map_or_else(Type::any, |items| self.of(items))))
            }
            "object" => return self.object(schema),
            _ => return Type::any(),
        })
    }

    fn object(&mut self, schema: &Map<String, Value>) -> Type {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            let of = schema.get("additionalProperties").map_or_else(Type::any, |of| self.of(of));
            return Type::new(Kind::Map(Arc::new(of)));
        };
        let fields = properties.iter().map(|(name, schema)| (name.clone(), self.of(schema))).collect();
        self.unnamed(fields)
    }

    /// A structure without a name of its own.
    fn unnamed(&mut self, fields: BTreeMap<String, Type>) -> Type {
        self.unnamed += 1;
        let name: Arc<str> = format!("#{}", self.unnamed).into();
        self.types.objects.insert(Arc::clone(&name), fields);
        Type::new(Kind::Object(name))
    }

    /// A definition by name. A structure is entered under its name before its fields are read, so that it may
    /// contain itself.
    fn definition(&mut self, name: &str) -> Type {
        let key: Arc<str> = name.into();
        if self.types.objects.contains_key(&key) {
            return Type::new(Kind::Object(key));
        }
        if let Some(of) = self.read.get(name) {
            return of.clone();
        }
        // Each definition is read once; taking it out leaves nothing to a structure that contains itself, but that
        // one is found by its name above.
        let Some(schema) = self.definitions.remove(name) else { return Type::any() };
        let of = self.defined(&key, &schema);
        self.read.insert(name.to_owned(), of.clone());
        of
    }

    fn defined(&mut self, key: &Arc<str>, schema: &Value) -> Type {
        let structure = schema.get("properties").is_some();
        if structure {
            self.types.objects.insert(Arc::clone(key), BTreeMap::new());
        }
        let of = self.of(schema);
        // A structure is read as one without a name, and gets that of the definition.
        match &of.kind {
            Kind::Object(inner) if inner.starts_with('#') => {
                if let Some(fields) = self.types.objects.remove(inner) {
                    self.types.objects.insert(Arc::clone(key), fields);
                }
                Type { kind: Kind::Object(Arc::clone(key)), ..of }
            }
            _ => of,
        }
    }

    /// `anyOf`/`oneOf`: an option (with null), a [`crate::known::Known`] (with `{"unknown"}`), an enum of texts,
    /// or an enum of structures, whose fields are then taken together.
    fn union(&mut self, schemas: &[Value]) -> Type {
        let mut joined: Option<Type> = None;
        let mut unknown = false;
        let mut structures: Vec<BTreeMap<String, Type>> = Vec::new();
        for schema in schemas {
            if is_unknown(schema) {
                unknown = true;
                continue;
            }
            let of = self.of(schema);
            if let Kind::Object(name) = &of.kind
                && let Some(fields) = self.types.objects.get(name)
            {
                structures.push(fields.clone());
            }
            joined = match joined {
                None => Some(of),
                Some(before) => match before.join(&of) {
                    Some(both) => Some(both),
                    None if matches!((&before.kind, &of.kind), (Kind::Object(_), Kind::Object(_))) => {
                        let nullable = before.nullable || of.nullable;
                        Some(Type { nullable, ..self.merge(&structures) })
                    }
                    None => Some(Type::any()),
                },
            };
        }
        let of = joined.unwrap_or_else(Type::any);
        Type { unknown: unknown || of.unknown, ..of }
    }

    /// A structure with the fields of all; a field that some lack may be null.
    fn merge(&mut self, structures: &[BTreeMap<String, Type>]) -> Type {
        let mut fields: BTreeMap<String, Type> = BTreeMap::new();
        for (name, of) in structures.iter().flatten() {
            let joined = fields.get(name).map_or(Some(of.clone()), |before| before.join(of));
            fields.insert(name.clone(), joined.unwrap_or_else(Type::any));
        }
        for (name, of) in &mut fields {
            of.nullable |= structures.iter().any(|structure| !structure.contains_key(name));
        }
        self.unnamed(fields)
    }
}

fn enumeration(values: &[Value]) -> Type {
    let texts: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let nullable = values.iter().any(Value::is_null);
    if texts.len() + usize::from(nullable) != values.len() {
        return Type::any();
    }
    Type { nullable, ..Type::new(Kind::Text(Some(texts.into()))) }
}

/// Whether `schema` is the `{"unknown": "..."}` of [`crate::known::Known`].
fn is_unknown(schema: &Value) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.len() == 1 && names.first().and_then(Value::as_str) == Some("unknown"))
}
