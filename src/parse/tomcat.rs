//! Tomcat's server.xml and context.xml: the data sources that it makes at its start (`<Resource type="javax.sql.DataSource"
//! factory="..."/>`).
//!
//! XML is read by roxmltree, which expands no external entities and refuses a document type unless it is asked to take one. Of a
//! resource only its name and classes are kept, never its user, password or address.

use roxmltree::{Document, ParsingOptions};

use super::Mistake;
use crate::place::Span;

/// Elements and texts of a file; those of real servers have some hundred.
const MAX_NODES: u32 = 100_000;
/// Resources that are kept.
const MAX_RESOURCES: usize = 1000;

/// A data source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// Its name: `jdbc/billing`.
    pub name: String,
    /// The class that makes it, where it is named.
    pub factory: Option<String>,
    /// The element.
    pub span: Span,
}

/// The data sources of a file.
///
/// # Errors
/// Where and why the text is no XML.
pub fn parse(text: &str) -> Result<Vec<DataSource>, Mistake> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        Mistake {
            span: Span::new(at.row as usize, at.col as usize, at.col as usize),
            message: error.to_string(),
        }
    })?;
    let resources = document.root().descendants().filter(|node| {
        node.tag_name().name() == "Resource"
            && matches!(node.attribute("type"), Some("javax.sql.DataSource" | "javax.sql.XADataSource"))
    });
    let found = resources.take(MAX_RESOURCES).map(|node| {
        let at = document.text_pos_at(node.range().start);
        DataSource {
            name: node.attribute("name").unwrap_or_default().to_owned(),
            factory: node.attribute("factory").map(str::to_owned),
            span: Span::new(at.row as usize, at.col as usize, at.col as usize),
        }
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn data_sources_are_found_with_their_factories() {
        let text = "<?xml version='1.0'?>\n<Context>\n  <Resource name=\"jdbc/a\" auth=\"Container\" type=\"javax.sql.DataSource\"\n    \
                    password=\"secret\"/>\n  <Resource name=\"mail\" type=\"javax.mail.Session\"/>\n</Context>\n";
        let [source] = parse(text).unwrap().try_into().unwrap();
        assert_eq!((source.name.as_str(), source.factory, source.span.line), ("jdbc/a", None, 3));
    }

    #[test]
    fn entities_are_not_expanded() {
        let text =
            "<!DOCTYPE x [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\n<Context>&b;</Context>";
        assert_eq!(parse(text).unwrap_err().span.line, 1);
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[<>/a-zA-Z=\"& \n]{0,200}") {
            prop_assert!(parse(&text).is_ok_and(|found| found.len() <= text.len()) || parse(&text).is_err());
        }
    }
}
