//! That the JSON is as its schema says and does not grow with the square of the hosts, and that text fits a terminal.

use serde_json::{Value, json};

use super::{json as fleet_json, text};
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
