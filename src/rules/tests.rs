use super::*;
use crate::facts::Limits;
use crate::source::memory::Memory;

fn draw(yaml: &str) -> String {
    let set = RuleSet::empty().unwrap();
    match load::load("r.yaml", "r", yaml, &set.language) {
        Ok(_) => "ok".into(),
        Err(errors) => errors.iter().map(|error| error.draw(false)).collect::<Vec<_>>().join("\n"),
    }
}

fn rule(when: &str, message: &str) -> String {
    format!(
        "id: r\ntitle: T\nseverity: low\neach: problems\nwhen: {when}\nmessage: {message}\nwhy: Because.\nfix:\n  - advice: \"Do.\"\n"
    )
}

#[test]
fn built_in_rules_load() {
    let set = match RuleSet::built_in() {
        Ok(set) => set,
        Err(errors) => {
            panic!("{}", errors.iter().map(|error| error.draw(false)).collect::<Vec<_>>().join("\n"))
        }
    };
    assert!(set.get("file-unreadable").is_some());
}

#[test]
fn show() {
    for when in [
        "it.kin == 'unreadable'",
        "it.kind == 'unreadabel'",
        "it.message.startsWit('a')",
        "it.message.startsWith(1)",
        "it.at.line < 'a'",
        "it.at.line < 5 && !it.at.path.contains('x')",
        "target.name == 'a'",
        "problems.exists(p, p.message == it.message && p.foo)",
        "problems.filter(p, p.kind == 'malformed').map(p, p.at.lin)",
        "\"it.message == \\\"ä\\\" && it.kid == 'a'\"",
        "|\n  it.kind == 'malformed' &&\n    it.at.pat == ''",
        "it.kind ==",
        "it.message.matches('(')",
        "size(problems) > 0",
        "has(it.at.line)",
        "it.message == null",
        "it.at.path in ['a', 2]",
        "'a' in it.message",
        "it.at == 'x'",
    ] {
        println!("=== {when}\n{}", draw(&rule(when, "x")));
    }
    for message in [
        "\"{{ it.mesage }}\"",
        "\"{{ it.message \"",
        "\"{% for p in problems %}{{ p.at.pth }}{% endfor %}\"",
        "\"{{ foo }}\"",
        "|\n  {% if it.kind == 'x' %}{{ it.at.line | default(value=1) }}{% endif %}",
    ] {
        println!("=== {message}\n{}", draw(&rule("true", message)));
    }
    println!("{}", draw("id: r\nfoo: 1\n"));
    println!("{}", draw("id: [\n"));
    println!("{}", draw("id: r\ntitle: T\nseverity: hih\nwhen: 'true'\nmessage: x\nwhy: ''\nfix: []\n"));
}

#[test]
fn evaluates() {
    let tree = Memory::new().file("etc/fstab", "x").into_tree();
    let facts = Facts::gather(&tree, &Limits::default());
    let set = RuleSet::built_in().unwrap();
    let evaluation = set.evaluate(&Input { facts: &facts, targets: &[], boots: &[], tree: &tree });
    println!("{evaluation:?}");
}
