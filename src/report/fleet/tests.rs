//! That the JSON is as its schema says, that it does not grow with the square of the hosts, and that nothing of a
//! hostile host is markup on the page.

use std::path::Path;

use serde_json::{Value, json};

use super::{html, json as fleet_json, markdown, text};
use crate::finding::Severity;
use crate::fleet::Fleet;
use crate::fleet::tests::{boot, finding, fleet_of, report};
use crate::report::json::tests::deviations;
use crate::report::text::Colour;

fn fleet(hosts: usize, extra: &str) -> Fleet {
    let host = |number: usize| {
        let how = ["boots", "disk-driver", "unknown", "network"][number % 4];
        let mut findings =
            vec![finding(&format!("rule-{}{extra}", number % 7), "blocker", Some("kvm"), "command")];
        if number.is_multiple_of(3) {
            findings.push(finding("everywhere", "high", None, "advice"));
        }
        report(
            Some(&format!("host{number:04}{extra}")),
            json!([boot("kvm", how), boot(&format!("vmware{extra}"), "boots")]),
            json!(findings),
        )
    };
    fleet_of(&(0..hosts).map(host).collect::<Vec<_>>(), Some(Severity::High))
}

fn written(fleet: &Fleet) -> String {
    let mut bytes = Vec::new();
    fleet_json::write(fleet, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_json_is_as_its_schema_says() {
    let schema = serde_json::to_value(schemars::schema_for!(fleet_json::FleetReport<'_>)).unwrap();
    let value: Value = serde_json::from_str(&written(&fleet(12, ""))).unwrap();
    assert_eq!(deviations(&schema, &schema, &value, "fleet"), [""; 0]);
    assert_eq!(value["schema"], crate::fleet::SCHEMA);
    assert_eq!(value["hosts"].as_array().unwrap().len(), 12);
    assert_eq!(value["hosts"][3]["id"], 3);
}

#[test]
fn the_json_grows_with_the_hosts_and_not_with_their_square() {
    let [small, large] = [100, 400].map(|hosts| written(&fleet(hosts, "")).len());
    assert!(large < small * 5, "{small} {large}");
}

#[test]
fn nothing_of_a_hostile_host_is_markup() {
    let payload = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{2028}`x`|<!--";
    let fleet = fleet(5, payload);
    let page = html::render(&fleet, Path::new("")).unwrap();
    for forbidden in ["<script>alert", "<img src=x", "<!--"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("</script>").count(), 2);
    let markdown = markdown::render(&fleet).unwrap();
    let events = pulldown_cmark::Parser::new_ext(&markdown, pulldown_cmark::Options::ENABLE_TABLES);
    for event in events {
        if let pulldown_cmark::Event::Html(html) | pulldown_cmark::Event::InlineHtml(html) = event {
            assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        }
    }
}

#[test]
fn the_page_links_only_to_what_is_there() {
    let page = html::render(&fleet(12, ""), Path::new("")).unwrap();
    let values = |name: &str| -> Vec<String> {
        page.split(name).skip(1).filter_map(|rest| rest.split('"').next()).map(ToOwned::to_owned).collect()
    };
    let ids = values(" id=\"");
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    let inside = values(" href=\"#").into_iter().filter(|link| !link.starts_with('?'));
    for link in inside.chain(values(" for=\"")).chain(values("aria-labelledby=\"")) {
        // The heading of the panel is made when a host is opened.
        assert!(ids.contains(&link) || link == "fleet.host.title", "{link}");
    }
}

#[test]
fn text_stays_within_80_columns() {
    for fleet in [
        fleet(0, ""),
        fleet(1, ""),
        fleet(20, ""),
        fleet(200, ""),
        fleet(20, "-with-a-long-name-of-many-words"),
    ] {
        let text = text::render(&fleet, Colour::Plain);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
