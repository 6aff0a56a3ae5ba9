//! JSON that can be made wrong at every place: what a mutation is, and where and how it is applied.

use std::fmt;

use serde_json::Value;

/// JSON as it is written: numbers keep their digits, objects their repeated fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Leaf(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// A step into JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Element(usize),
}

/// One way in which a field can be wrong, or new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation {
    Missing,
    Null,
    /// Other JSON in its place.
    Becomes(&'static str),
    /// The value in quotes, or without them.
    Quotes,
    InList,
    InObject,
    TwiceAlike,
    TwiceDifferent,
    NewBeside,
}

impl Mutation {
    pub(super) const ALL: [Self; 22] = [
        Self::Missing,
        Self::Null,
        Self::Becomes(r#""""#),
        Self::Becomes(r#""7""#),
        Self::Becomes(r#""seven""#),
        Self::Becomes(r#""\ud800""#),
        Self::Becomes("7"),
        Self::Becomes("0"),
        Self::Becomes("-1"),
        Self::Becomes("1.5"),
        Self::Becomes("1e999"),
        Self::Becomes("123456789012345678901234567890"),
        Self::Becomes("true"),
        Self::Becomes("[]"),
        Self::Becomes("{}"),
        Self::Becomes("[[[]]]"),
        Self::Quotes,
        Self::InList,
        Self::InObject,
        Self::TwiceAlike,
        Self::TwiceDifferent,
        Self::NewBeside,
    ];
}

impl Json {
    pub(super) fn read(text: &str) -> Self {
        Self::of(&serde_json::from_str(text).unwrap())
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Array(list) => Self::List(list.iter().map(Self::of).collect()),
            Value::Object(fields) => {
                Self::Object(fields.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Self::Leaf(value.to_string())
            }
        }
    }

    /// Every place in it.
    pub(super) fn paths(&self) -> Vec<Vec<Step>> {
        let children: Vec<(Step, &Json)> = match self {
            Self::Leaf(_) => Vec::new(),
            Self::List(list) => {
                list.iter().enumerate().map(|(index, json)| (Step::Element(index), json)).collect()
            }
            Self::Object(fields) => {
                fields.iter().map(|(name, json)| (Step::Field(name.clone()), json)).collect()
            }
        };
        let mut paths = Vec::new();
        for (step, child) in children {
            paths.push(vec![step.clone()]);
            for deeper in child.paths() {
                paths.push([vec![step.clone()], deeper].concat());
            }
        }
        paths
    }

    pub(super) fn at(&self, path: &[Step]) -> Option<&Json> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match (self, first) {
            (Self::Object(fields), Step::Field(name)) => {
                fields.iter().rfind(|(field, _)| field == name)?.1.at(rest)
            }
            (Self::List(list), Step::Element(index)) => list.get(*index)?.at(rest),
            (Self::Leaf(_) | Self::List(_) | Self::Object(_), Step::Field(_) | Step::Element(_)) => None,
        }
    }

    /// Makes it wrong at a place. `false` when the place is not there (any more), or cannot be wrong in this way.
    pub(super) fn mutate(&mut self, path: &[Step], mutation: Mutation) -> bool {
        match (self, path) {
            (Self::Object(fields), [Step::Field(name)]) => {
                let Some(index) = fields.iter().position(|(field, _)| field == name) else { return false };
                mutate_field(fields, index, mutation)
            }
            (Self::List(list), [Step::Element(index)]) if *index < list.len() => {
                mutate_element(list, *index, mutation)
            }
            (Self::Object(fields), [Step::Field(name), rest @ ..]) => {
                let field = fields.iter_mut().find(|(field, _)| field == name);
                field.is_some_and(|(_, json)| json.mutate(rest, mutation))
            }
            (Self::List(list), [Step::Element(index), rest @ ..]) => {
                list.get_mut(*index).is_some_and(|json| json.mutate(rest, mutation))
            }
            (Self::Leaf(_) | Self::List(_) | Self::Object(_), _) => false,
        }
    }
}

fn mutate_field(fields: &mut Vec<(String, Json)>, index: usize, mutation: Mutation) -> bool {
    let (name, json) = fields[index].clone();
    match mutation {
        Mutation::Missing => drop(fields.remove(index)),
        Mutation::TwiceAlike => fields.push((name, json)),
        Mutation::TwiceDifferent => fields.push((name, Json::Leaf(r#""other""#.to_owned()))),
        Mutation::NewBeside => {
            let new = Json::Object(vec![("a".to_owned(), Json::List(vec![Json::Leaf("1".to_owned())]))]);
            fields.push(("somethingNew".to_owned(), new));
        }
        Mutation::Null | Mutation::Becomes(_) | Mutation::Quotes | Mutation::InList | Mutation::InObject => {
            return replace(&mut fields[index].1, mutation);
        }
    }
    true
}

fn mutate_element(list: &mut Vec<Json>, index: usize, mutation: Mutation) -> bool {
    match mutation {
        Mutation::Missing => drop(list.remove(index)),
        Mutation::TwiceAlike | Mutation::TwiceDifferent | Mutation::NewBeside => return false,
        Mutation::Null | Mutation::Becomes(_) | Mutation::Quotes | Mutation::InList | Mutation::InObject => {
            return replace(&mut list[index], mutation);
        }
    }
    true
}

fn replace(json: &mut Json, mutation: Mutation) -> bool {
    let before = json.clone();
    *json = match (mutation, &before) {
        (Mutation::Null, _) => Json::Leaf("null".to_owned()),
        (Mutation::Becomes("[]"), _) => Json::List(Vec::new()),
        (Mutation::Becomes("{}"), _) => Json::Object(Vec::new()),
        (Mutation::Becomes(text), _) => Json::Leaf(text.to_owned()),
        (Mutation::Quotes, Json::Leaf(text)) => {
            match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
                Some(inner) if inner.bytes().all(|byte| byte.is_ascii_digit()) && !inner.is_empty() => {
                    Json::Leaf(inner.to_owned())
                }
                Some(_) => return false,
                None => Json::Leaf(format!("\"{text}\"")),
            }
        }
        (Mutation::InList, _) => Json::List(vec![before.clone()]),
        (Mutation::InObject, _) => Json::Object(vec![("x".to_owned(), before.clone())]),
        (
            Mutation::Quotes
            | Mutation::Missing
            | Mutation::TwiceAlike
            | Mutation::TwiceDifferent
            | Mutation::NewBeside,
            _,
        ) => return false,
    };
    *json != before
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(text) => f.write_str(text),
            Self::List(list) => {
                let list: Vec<_> = list.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", list.join(","))
            }
            Self::Object(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
                write!(f, "{{{}}}", fields.join(","))
            }
        }
    }
}

/// A place, as faults write it.
pub(super) fn shown(path: &[Step]) -> String {
    path.iter().fold(String::new(), |shown, step| match step {
        Step::Field(name) if shown.is_empty() => name.clone(),
        Step::Field(name) => format!("{shown}.{name}"),
        Step::Element(index) => format!("{shown}[{index}]"),
    })
}
