//! Facts as values that CEL expressions read.
//!
//! Serialized once a run and shared: a structure or list clones by counting a reference. A field that is missing
//! is null, since the checker has already refused names that no schema has. A field that is unknown is an error
//! when it is read, which CEL's `&&`, `||`, `all` and `exists` absorb when the other side decides.

use std::sync::Arc;

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Iterator as ValIterator, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelNull, CelString, CelUInt, LIST_TYPE, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use serde_json::Value as Json;

/// A boxed value that borrows nothing.
pub(super) type Boxed = Box<dyn Val>;

/// A structure or map: names in byte order, and their values.
#[derive(Debug, Clone)]
pub(super) struct Object(Arc<[(CelString<'static>, Boxed)]>);

/// A list.
#[derive(Debug, Clone)]
pub(super) struct List(Arc<[Boxed]>);

/// A value that the input does not hold, and what would settle it.
#[derive(Debug, Clone)]
pub(super) struct Unknown(pub(super) Arc<str>);

static NULL: CelNull = CelNull;
static UNKNOWN_TYPE: Type = Type::new_unspecified_type("unknown");

/// The function name that marks an error as "unknown" and not as a mistake of the rule.
const UNKNOWN: &str = "unknown";

/// The error of reading a value that is unknown.
pub(super) fn unknown_error(needs: &str) -> ExecutionError {
    ExecutionError::function_error(UNKNOWN, needs)
}

/// What would settle it, if `error` comes from an unknown value.
pub(super) fn needs(error: &ExecutionError) -> Option<&str> {
    match error {
        ExecutionError::FunctionError { function, message } if function == UNKNOWN => Some(message),
        _ => None,
    }
}

/// A JSON value as CEL sees it.
pub(super) fn from_json(json: Json) -> Boxed {
    match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(value) => Box::new(CelBool::from(value)),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Box::new(CelInt::from(value)),
            (None, Some(value)) => Box::new(CelUInt::from(value)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Box::new(CelString::from(text)),
        Json::Array(items) => Box::new(List(items.into_iter().map(from_json).collect())),
        Json::Object(fields) => {
            if let (1, Some(Json::String(needs))) = (fields.len(), fields.get("unknown")) {
                return Box::new(Unknown(needs.as_str().into()));
            }
            let mut fields: Vec<(CelString<'static>, Boxed)> =
                fields.into_iter().map(|(name, value)| (CelString::from(name), from_json(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Box::new(Object(fields.into()))
        }
    }
}

/// A value as JSON, for templates; an unknown one as the text `unknown`.
pub(super) fn to_json(value: &dyn Val) -> Json {
    if let Some(text) = value.downcast_ref::<CelString>() {
        return text.inner().into();
    }
    if let Some(value) = value.downcast_ref::<CelBool>() {
        return (*value.inner()).into();
    }
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return (*value.inner()).into();
    }
    if let Some(value) = value.downcast_ref::<CelUInt>() {
        return (*value.inner()).into();
    }
    if let Some(value) = value.downcast_ref::<CelDouble>() {
        return (*value.inner()).into();
    }
    if value.downcast_ref::<Unknown>().is_some() {
        return UNKNOWN.into();
    }
    if let Some(object) = value.downcast_ref::<Object>() {
        let fields = object.0.iter().map(|(name, value)| (name.inner().to_owned(), to_json(value.as_ref())));
        return Json::Object(fields.collect());
    }
    if let Some(map) = value.downcast_ref::<CelMap>() {
        let fields = map.inner().iter().filter_map(|(name, value)| match name {
            cel::common::types::CelMapKey::String(name) => {
                Some((name.inner().to_owned(), to_json(value.as_ref())))
            }
            _ => None,
        });
        return Json::Object(fields.collect());
    }
    items(value).map_or(Json::Null, |items| items.into_iter().map(to_json).collect())
}

/// The items of a list; none if it is no list.
pub(super) fn items<'b>(value: &'b (dyn Val + 'b)) -> Option<Vec<&'b (dyn Val + 'b)>> {
    if value.get_type() != &LIST_TYPE {
        return None;
    }
    let mut iterator = value.as_iterable()?.iter();
    Some(std::iter::from_fn(|| iterator.next()).collect())
}

impl Object {
    /// The value of `name`, if it is there.
    pub(super) fn field(&self, name: &str) -> Option<&dyn Val> {
        let index = self.0.binary_search_by(|(field, _)| field.inner().cmp(name)).ok()?;
        self.0.get(index).map(|(_, value)| value.as_ref())
    }

    fn read<'b>(&'b self, key: &dyn Val) -> Result<&'b (dyn Val + 'static), ExecutionError> {
        let Some(name) = key.downcast_ref::<CelString>() else {
            return Err(ExecutionError::no_such_key("a name that is no text"));
        };
        let index = self.0.binary_search_by(|(field, _)| field.inner().cmp(name.inner()));
        let value = index.ok().and_then(|index| self.0.get(index)).map(|(_, value)| value.as_ref());
        match value {
            None => Ok(&NULL),
            Some(value) => match value.downcast_ref::<Unknown>() {
                Some(Unknown(needs)) => Err(unknown_error(needs)),
                None => Ok(value),
            },
        }
    }
}

impl Val for Object {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| {
            self.0.len() == other.0.len()
                && self.0.iter().zip(other.0.iter()).all(|(a, b)| a.0 == b.0 && a.1.equals(b.1.as_ref()))
        })
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Object {}

impl Container for Object {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        let name = value.downcast_ref::<CelString>();
        Ok(name.is_some_and(|name| self.field(name.inner()).is_some()))
    }
}

impl Indexer for Object {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.read(key).map(CowVal::Borrowed)
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.read(key).map(|value| value.clone_as_boxed())
    }
}

impl Sizer for Object {
    fn size(&self) -> CelInt {
        length(self.0.len())
    }
}

impl Iterable for Object {
    fn iter<'b, 'v>(&'b self) -> Box<dyn ValIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Names(self.0.iter()))
    }
}

impl Val for List {
    fn get_type(&self) -> &Type {
        &LIST_TYPE
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        items(other).is_some_and(|others| {
            self.0.len() == others.len() && self.0.iter().zip(others).all(|(a, b)| a.equals(b))
        })
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for List {}

impl Adder for List {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let mut all: Vec<Box<dyn Val + 'v>> = self.0.iter().map(|item| item.clone_as_boxed()).collect();
        let mut others = other
            .as_iterable()
            .ok_or_else(|| ExecutionError::no_such_overload("_+_", vec!["list".into(), "no list".into()]))?
            .iter();
        while let Some(item) = others.next() {
            all.push(item.clone_as_boxed());
        }
        Ok(CowVal::owned(CelList::from(all)))
    }
}

impl Container for List {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        if self.0.iter().any(|item| item.equals(value)) {
            return Ok(true);
        }
        let unknown = self.0.iter().find_map(|item| item.downcast_ref::<Unknown>());
        unknown.map_or(Ok(false), |Unknown(needs)| Err(unknown_error(needs)))
    }
}

impl List {
    fn read<'b>(&'b self, index: &dyn Val) -> Result<&'b (dyn Val + 'static), ExecutionError> {
        let index = index.downcast_ref::<CelInt>().and_then(|index| usize::try_from(*index.inner()).ok());
        let item = index.and_then(|index| self.0.get(index));
        let item = item.ok_or_else(|| ExecutionError::no_such_key("a position past the end of the list"))?;
        match item.downcast_ref::<Unknown>() {
            Some(Unknown(needs)) => Err(unknown_error(needs)),
            None => Ok(item.as_ref()),
        }
    }
}

impl Indexer for List {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.read(index).map(CowVal::Borrowed)
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.read(index).map(|item| item.clone_as_boxed())
    }
}

impl Sizer for List {
    fn size(&self) -> CelInt {
        length(self.0.len())
    }
}

impl Iterable for List {
    fn iter<'b, 'v>(&'b self) -> Box<dyn ValIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Items(self.0.iter()))
    }
}

impl Val for Unknown {
    fn get_type(&self) -> &Type {
        &UNKNOWN_TYPE
    }

    fn cel_type() -> &'static Type {
        &UNKNOWN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Unknown {}

impl Indexer for Unknown {
    fn get<'b, 'v>(&'b self, _: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Err(unknown_error(&self.0))
    }

    fn steal<'v>(self: Box<Self>, _: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Err(unknown_error(&self.0))
    }
}

/// CEL's iterator over the items of a list.
struct Items<'b>(std::slice::Iter<'b, Boxed>);

impl<'b, 'v> ValIterator<'b, 'v> for Items<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|item| item.as_ref() as &(dyn Val + 'v))
    }
}

/// CEL's iterator over the names of a map.
struct Names<'b>(std::slice::Iter<'b, (CelString<'static>, Boxed)>);

impl<'b, 'v> ValIterator<'b, 'v> for Names<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|(name, _)| name as &(dyn Val + 'v))
    }
}

fn length(length: usize) -> CelInt {
    CelInt::from(i64::try_from(length).unwrap_or(i64::MAX))
}
