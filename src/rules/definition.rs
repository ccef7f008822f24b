//! The shape of a rule file.

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_saphyr::Spanned;

/// What a rule is evaluated over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// One system: its facts are names of their own (`fstab`, `kernels`).
    #[default]
    System,
    /// Two systems, or one before and after a change (`bootproof diff`): `before` and `after` are their facts,
    /// `changes` is what differs.
    Change,
}

/// One rule. The file is named after its id: `rules/<subject>/<id>.yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rule of bootproof")]
pub(super) struct RuleFile {
    /// Kebab-case; names the problem, not the cure. The same as the file's name, and never reused for another.
    #[schemars(with = "String", regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub(super) id: Spanned<String>,
    /// What the rule is about, in a few words; no full stop.
    #[schemars(with = "String")]
    pub(super) title: Spanned<String>,
    /// `blocker`, `high`, `medium`, `low` or `info`; or a CEL expression that gives one of these.
    #[schemars(with = "String")]
    pub(super) severity: Spanned<String>,
    /// Entries of the failure-mode catalogue that the rule decides: `B01`, `N10`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) decides: Vec<Spanned<String>>,
    /// `system` (as when left out): the rule looks at one system. `change`: it looks at two, which are `before` and
    /// `after`, and at their `changes`; `bootproof diff` evaluates it.
    #[serde(default)]
    pub(super) on: Subject,
    /// CEL: the list to walk, one evaluation for each item, which is `it`. Left out: evaluated once.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) each: Option<Spanned<String>>,
    /// Names or classes of targets, `all`, or `others` (all but `same`): evaluated for each that is selected, as
    /// `target`. Left out: the target does not matter.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) targets: Option<Vec<Spanned<String>>>,
    /// Named CEL expressions, in order; each may use those before it.
    #[serde(default, rename = "let")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    pub(super) lets: Lets,
    /// CEL: whether there is a finding.
    #[schemars(with = "String")]
    pub(super) when: Spanned<String>,
    /// CEL: the place of the finding. Left out: `it.at`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) at: Option<Spanned<String>>,
    /// CEL: the title of the boot entry concerned. Left out: `it.entry` when `it` is one of `boots`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) entry: Option<Spanned<String>>,
    /// Tera: what is wrong here, in a sentence.
    #[schemars(with = "String")]
    pub(super) message: Spanned<String>,
    /// Markdown: why it matters. Not a template: `explain` prints it without a system.
    #[schemars(with = "String")]
    pub(super) why: Spanned<String>,
    /// Markdown: how to see it oneself on the system, with a command and what it shows.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) see: Option<Spanned<String>>,
    /// How to mend it, step by step.
    #[schemars(with = "Vec<FixStep>")]
    pub(super) fix: Spanned<Vec<FixStep>>,
    /// Sources: man pages, documents, bug reports.
    #[serde(default)]
    pub(super) refs: Vec<String>,
}

/// One step of a remedy: exactly one of `command`, `replace`, `append`, `remove`, `cmdline`, `rebuild` and `advice`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FixStep {
    /// CEL: whether the step applies. Left out: always.
    #[serde(default, rename = "if")]
    #[schemars(with = "Option<String>")]
    pub(super) condition: Option<Spanned<String>>,
    /// Tera: a shell command.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) command: Option<Spanned<String>>,
    /// A line to write otherwise.
    #[serde(default)]
    #[schemars(with = "Option<Replace>")]
    pub(super) replace: Option<Spanned<Replace>>,
    /// Lines that a file must have.
    #[serde(default)]
    #[schemars(with = "Option<Append>")]
    pub(super) append: Option<Spanned<Append>>,
    /// Tera: a file that has to go, relative to the root.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) remove: Option<Spanned<String>>,
    /// Parameters of the kernel to take away, to add, or to change.
    #[serde(default)]
    #[schemars(with = "Option<Parameters>")]
    pub(super) cmdline: Option<Spanned<Parameters>>,
    /// CEL: the path of an initrd to build anew, or a list of paths.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) rebuild: Option<Spanned<String>>,
    /// CEL, with `rebuild`: the modules that it must have, a list.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) drivers: Option<Spanned<String>>,
    /// Tera: something to do that is none of these, in a sentence.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) advice: Option<Spanned<String>>,
}

/// A line to write otherwise: `with` a text, a `part` of it, or `delete: true`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replace {
    /// CEL: the place of the line. Left out: the place of the finding.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) at: Option<Spanned<String>>,
    /// Tera: the whole line as it should be.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) with: Option<Spanned<String>>,
    /// Tera: what comes in the place of the part that the place marks, such as one field of a line of fstab.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) part: Option<Spanned<String>>,
    /// Whether the line is to go.
    #[serde(default)]
    pub(super) delete: bool,
}

/// Lines that a file must have; it is made if it is not there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Append {
    /// Tera: the file, relative to the root.
    #[schemars(with = "String")]
    pub(super) path: Spanned<String>,
    /// Tera: the lines.
    #[schemars(with = "String")]
    pub(super) text: Spanned<String>,
}

/// Parameters of the kernel command line, wherever it is written down.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// CEL: a parameter to take away, or a list: `resume` whatever its value, or `resume=/dev/sda2` as it is.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) remove: Option<Spanned<String>>,
    /// CEL: a parameter that comes in its place, or a list; without `remove` it is added to every entry.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) add: Option<Spanned<String>>,
}

/// A mapping whose order counts.
#[derive(Debug, Default)]
pub(super) struct Lets(pub(super) Vec<(Spanned<String>, Spanned<String>)>);

impl<'de> Deserialize<'de> for Lets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Lets;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("names with CEL expressions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lets, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Lets(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
