//! The language of rules, over facts made for it.

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::*;
use crate::facts::Known;
use crate::finding::{Fix, Severity};
use crate::place::{Place, Span};
use crate::simulate::{GivenEntry, simulate_entry};
use crate::source::memory::Memory;

#[derive(Debug, Default, Serialize, JsonSchema)]
struct Sample {
    mounts: Vec<Mount>,
    disks: Known<Vec<Known<String>>>,
    multipath: Known<Option<Multipath>>,
    release: Option<String>,
    count: Option<u64>,
    ready: Option<bool>,
    labels: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Mount {
    at: Place,
    spec: String,
    kind: Spec,
    options: Vec<String>,
    device: Option<Device>,
    present: Known<bool>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "the schema has all")]
enum Spec {
    /// By name.
    KernelName,
    /// By UUID.
    Uuid,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Device {
    name: String,
    uuid: Option<String>,
    size: u64,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Multipath {
    paths: Known<u64>,
    friendly: bool,
}

fn sample() -> Sample {
    let path: Arc<str> = "etc/fstab".into();
    let mount = |line: usize, spec: &str| Mount {
        at: Span::new(line, 1, 1 + spec.len()).at(&path),
        spec: spec.to_owned(),
        kind: Spec::KernelName,
        options: vec!["defaults".into(), "nofail".into()],
        device: None,
        present: Known::Known(true),
    };
    let device = Device { name: "sda2".into(), uuid: Some("11-22".into()), size: 512 };
    Sample {
        mounts: vec![
            Mount { device: Some(device), ..mount(1, "/dev/sda2") },
            Mount { present: Known::unknown("`lsblk`"), ..mount(2, "/dev/sdb1") },
        ],
        disks: Known::Known(vec![Known::Known("sda".into()), Known::unknown("a list of the disks")]),
        multipath: Known::Known(Some(Multipath { paths: Known::unknown("`multipath -ll`"), friendly: true })),
        release: None,
        count: None,
        ready: None,
        labels: [("root".to_owned(), "r".to_owned())].into(),
    }
}

const FSTAB: &str = "/dev/sda2 / ext4 defaults\n/dev/sdb1 /data ext4 user,password=hunter2\n";

fn language() -> Language {
    Language::new::<Sample>().unwrap()
}

fn load(yaml: &str) -> Result<Rule, Vec<RuleError>> {
    load::load("r.yaml", "r", yaml, &language())
}

/// A rule with these lines in place of, or beside, the usual ones.
fn rule(lines: &str) -> String {
    let mut text = lines.trim_start().to_owned();
    for usual in [
        "id: r",
        "title: T",
        "severity: low",
        "message: x",
        "why: Because.",
        "fix: [{ advice: Do. }]",
        "at: place(\"etc/fstab\")",
        "when: \"true\"",
    ] {
        let key = usual.split(':').next().unwrap_or_default();
        if !lines.lines().any(|line| line.starts_with(&format!("{key}:"))) {
            text = format!("{usual}\n{text}");
        }
    }
    text
}

fn run(yaml: &str, targets: &[&str]) -> Evaluation {
    let rule = match load(yaml) {
        Ok(rule) => rule,
        Err(errors) => {
            panic!("{}", errors.iter().map(|error| error.draw(false)).collect::<Vec<_>>().join("\n"))
        }
    };
    let tree = Memory::new().file("etc/fstab", FSTAB).into_tree();
    let facts = Facts::default();
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let targets = if names.is_empty() { Vec::new() } else { crate::target::select(&names).unwrap() };
    let given = GivenEntry { kernel: "6.1.0".into(), initrd: None, cmdline: "root=/dev/sda1".into() };
    let boots = simulate_entry(&facts, &given.to_entry(&facts), &targets);
    let input = Input { facts: &facts, targets: &targets, boots: &boots, tree: &tree };
    eval::evaluate(&[&rule], &language().env, &sample(), &input)
}

#[derive(Debug, PartialEq)]
enum Answer {
    Yes,
    No,
    Needs(&'static str),
}

fn ask(condition: &str) -> Answer {
    let quoted = condition.replace('\\', "\\\\").replace('"', "\\\"");
    let evaluation = run(&rule(&format!("when: \"{quoted}\"")), &[]);
    assert_eq!(evaluation.mistakes, [], "{condition}");
    match (evaluation.findings.len(), evaluation.not_evaluated.first()) {
        (1, None) => Answer::Yes,
        (0, None) => Answer::No,
        (0, Some(undecided)) => Answer::Needs(undecided.needs.clone().leak()),
        other => panic!("{condition}: {other:?}"),
    }
}

#[test]
fn conditions_read_the_facts() {
    use Answer::{No, Yes};
    let cases = [
        ("size(mounts) == 2", Yes),
        ("mounts.exists(m, m.kind == 'kernel-name' && m.spec.startsWith('/dev/sd'))", Yes),
        ("mounts.all(m, 'nofail' in m.options)", Yes),
        ("mounts.exists_one(m, m.at.line == 2)", Yes),
        ("mounts.filter(m, m.at.line > 1).map(m, m.spec) == ['/dev/sdb1']", Yes),
        ("['/dev/sdb1'] == mounts.filter(m, m.at.line > 1).map(m, m.spec)", Yes),
        ("mounts[0].options == ['defaults', 'nofail']", Yes),
        ("['defaults', 'nofail'] == mounts[0].options", Yes),
        ("['defaults', 'nofail'] != mounts[0].options", No),
        ("mounts[0].options + ['x'] == ['defaults', 'nofail', 'x']", Yes),
        ("mounts[0].options.join(',') == 'defaults,nofail'", Yes),
        ("'a,b'.split(',')[1] == 'b'", Yes),
        ("labels['root'] == 'r' && 'root' in labels && !('x' in labels)", Yes),
        ("labels.exists(name, labels[name] == 'r')", Yes),
        ("basename('/dev/mapper/vg-root') == 'vg-root'", Yes),
        ("with_word(' /dev/sda1  /srv\text4 ', 1, 'UUID=x') == ' UUID=x  /srv\text4 '", Yes),
        ("with_word('a b', 2, 'c') == 'a c' && with_word('a a', 2, 'b') == 'a b'", Yes),
        ("with_word('a b', 3, 'c') == null && with_word('', 1, 'c') == null", Yes),
        ("with_word('a b', 0, 'c') == null && with_word('a b', -1, 'c') == null", Yes),
        ("glob('/dev/sda', '/dev/sd*') && !glob('/dev/disk/x', '/dev/*')", Yes),
        ("number('12') + 1 == 13 && number('x') == null", Yes),
        ("first(release, 'none') == 'none'", Yes),
        ("'-' + string(mounts[0].device.size) == '-512'", Yes),
        ("' Ab '.trim().lowerAscii() == 'ab'", Yes),
        ("mounts[0].spec.matches('^/dev/sd[a-z]+[0-9]$')", Yes),
        ("mounts[0].device == mounts[0].device && mounts[0] != mounts[1]", Yes),
    ];
    for (condition, answer) in cases {
        assert_eq!(ask(condition), answer, "{condition}");
    }
}

#[test]
fn null_is_harmless() {
    use Answer::{No, Yes};
    let cases = [
        ("mounts[1].device == null && !has(mounts[1].device)", Yes),
        ("mounts[1].device.uuid == null", Yes),
        ("mounts[1].device.uuid == '11-22'", No),
        ("mounts[0].device.uuid == '11-22' && has(mounts[0].device.uuid)", Yes),
        ("release.startsWith('6')", No),
        ("!release.startsWith('6')", Yes),
        ("release.matches('.*')", No),
        ("count < 5 || count >= 5", No),
        ("count + 1 == null", Yes),
        ("ready", No),
        ("!ready", Yes),
        ("ready || size(mounts) == 2", Yes),
        ("ready ? false : true", Yes),
        ("mounts[7].spec == null", Yes),
        ("labels['gone'] == null", Yes),
        ("mounts[1].device.size > 1", No),
        ("release in ['a', 'b']", No),
        ("release.split('.').exists(x, x == 'a')", No),
        ("basename(release) == null", Yes),
    ];
    for (condition, answer) in cases {
        assert_eq!(ask(condition), answer, "{condition}");
    }
}

#[test]
fn unknown_is_never_assumed_and_decides_nothing_that_is_decided() {
    use Answer::{Needs, No, Yes};
    let cases = [
        ("mounts[1].present", Needs("`lsblk`")),
        ("!mounts[1].present", Needs("`lsblk`")),
        ("mounts[1].present == false", Needs("`lsblk`")),
        ("mounts[1].present != true", Needs("`lsblk`")),
        ("has(mounts[1].present)", Needs("`lsblk`")),
        ("false && mounts[1].present", No),
        ("mounts[1].present && false", No),
        ("true || mounts[1].present", Yes),
        ("mounts[1].present || true", Yes),
        ("mounts[1].present || false", Needs("`lsblk`")),
        ("true && mounts[1].present", Needs("`lsblk`")),
        ("mounts.exists(m, m.present)", Yes),
        ("mounts.all(m, m.present)", Needs("`lsblk`")),
        ("mounts.all(m, !m.present)", No),
        ("size(mounts.filter(m, m.present)) == 2", Needs("`lsblk`")),
        ("multipath != null && multipath.friendly", Yes),
        ("multipath.paths > 1", Needs("`multipath -ll`")),
        ("multipath.paths == 0", Needs("`multipath -ll`")),
        ("(multipath.paths > 1 ? 'a' : 'b') == 'a'", Needs("`multipath -ll`")),
        ("disks.exists(d, d == 'sda')", Yes),
        ("disks.exists(d, d == 'sdb')", Needs("a list of the disks")),
        ("disks.all(d, d == 'sdb')", No),
        ("'sda' in disks", Yes),
        ("'sdb' in disks", Needs("a list of the disks")),
        ("disks[1] == 'sda'", Needs("a list of the disks")),
        ("size(disks) == 2", Yes),
    ];
    for (condition, answer) in cases {
        assert_eq!(ask(condition), answer, "{condition}");
    }
}

#[test]
fn each_item_is_undecided_for_itself() {
    let evaluation = run(&rule("each: mounts\nat: it.at\nwhen: it.present\nmessage: \"{{ it.spec }}\""), &[]);
    let found: Vec<&str> = evaluation.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(found, ["/dev/sda2"]);
    let undecided = [NotEvaluated { rule: "r".into(), needs: "`lsblk`".into() }];
    assert_eq!(evaluation.not_evaluated, undecided);

    let evaluation = run(&rule("each: disks\nwhen: it == 'sda'"), &[]);
    assert_eq!(evaluation.findings.len(), 1);
    assert_eq!(evaluation.not_evaluated.len(), 1, "an item that is itself unknown");
}

#[test]
fn a_let_that_is_unknown_harms_only_what_uses_it() {
    let text = "let:\n  paths: multipath.paths\n  some: size(mounts)\nwhen: some == 2 || paths > 1";
    assert_eq!(run(&rule(text), &[]).findings.len(), 1);
    let text = "let:\n  paths: multipath.paths\nwhen: paths > 1";
    assert_eq!(run(&rule(text), &[]).not_evaluated.len(), 1);
}

#[test]
fn a_finding_has_all_that_the_rule_says() {
    let text = r#"
severity: 'it.at.line == 2 ? "blocker" : "info"'
decides: [B01, N10]
each: mounts
at: it.at
let:
  name: basename(it.spec)
when: it.kind == "kernel-name"
message: |
  {{ name }} of {{ mounts | length }}{% if it.device %}, {{ it.device.uuid }}{% endif %}
why: |
  *Because.*
fix:
  - if: it.device != null
    replace: { with: "UUID={{ it.device.uuid }} / ext4" }
  - if: it.present
    command: "only if {{ name }} is known to be there"
  - replace:
      at: mounts[0].at
      delete: true
refs: ["fstab(5)"]
"#;
    let evaluation = run(&rule(text), &[]);
    assert_eq!(evaluation.mistakes, []);
    let [second, first] = evaluation.findings.as_slice() else { panic!("{evaluation:?}") };
    assert_eq!(second.severity, Severity::Blocker);
    assert_eq!(second.message, "sdb1 of 2");
    assert_eq!(second.snippet.as_deref(), Some("/dev/sdb1 /data ext4 user,password=********"));
    assert_eq!((second.at.line, second.at.column, second.at.end), (Some(2), Some(1), Some(10)));
    assert_eq!(second.fix.len(), 1, "a step whose condition is unknown is left out");
    assert_eq!(first.severity, Severity::Info);
    assert_eq!(first.message, "sda2 of 2, 11-22");
    assert_eq!(first.decides, ["B01", "N10"]);
    assert_eq!((first.target.as_deref(), first.entry.as_deref()), (None, None));
    assert_eq!(first.why, "*Because.*");
    assert_eq!(first.refs, ["fstab(5)"]);
    let line = |with: Option<&str>| Fix::Replace { at: first.at.clone(), with: with.map(str::to_owned) };
    let command = Fix::Command { command: "only if sda2 is known to be there".into() };
    assert_eq!(first.fix, [line(Some("UUID=11-22 / ext4")), command, line(None)]);
    assert_ne!(first.fingerprint, second.fingerprint);
    assert_eq!(first.fingerprint.len(), 32);
}

#[test]
fn a_rule_runs_for_each_target_that_it_selects() {
    let found = |targets: &str, asked: &[&str]| -> Vec<String> {
        let text =
            format!("targets: {targets}\nwhen: target.name != \"\"\nmessage: \"{{{{ target.disk }}}}\"");
        let evaluation = run(&rule(&text), asked);
        evaluation.findings.iter().filter_map(|finding| finding.target.clone()).collect()
    };
    let asked = ["same", "kvm", "vmware"];
    assert_eq!(found("[all]", &asked), ["same", "kvm", "vmware"]);
    assert_eq!(found("[others]", &asked), ["kvm", "vmware"]);
    assert_eq!(found("[virtio]", &asked), ["kvm"]);
    assert_eq!(found("[vmware, same]", &asked), ["same", "vmware"]);
    assert_eq!(found("[kvm]", &[]), [""; 0]);
}

#[test]
fn boots_bring_their_entry() {
    let text = "targets: [all]\neach: boots\nwhen: it.target == target.name";
    let evaluation = run(&rule(text), &["kvm"]);
    let [finding] = evaluation.findings.as_slice() else { panic!("{evaluation:?}") };
    assert_eq!(finding.entry.as_deref(), Some("6.1.0 (given on the command line)"));
    assert_eq!(finding.at, Place::file("etc/fstab"));
    assert_eq!(finding.snippet, None);
}

#[test]
fn values_are_no_templates() {
    let text = "when: \"true\"\nlet:\n  hostile: '\"{{ 7 * 7 }}<b>\"'\nmessage: \"{{ hostile }}\"";
    assert_eq!(run(&rule(text), &[]).findings[0].message, "{{ 7 * 7 }}<b>");
}

#[test]
fn values_in_commands_are_quoted() {
    let text = "when: \"true\"\nlet:\n  hostile: '\"$(reboot)\"'\nfix:\n  - command: \"blkid {{ hostile }}\"\n  - command: \"x {{ hostile | upper | safe }}\"";
    let evaluation = run(&rule(text), &[]);
    let command = |command: &str| Fix::Command { command: command.to_owned() };
    assert_eq!(evaluation.findings[0].fix, [command("blkid '$(reboot)'"), command("x $(REBOOT)")]);
}

#[test]
fn a_message_that_cannot_be_filled_in_loses_no_finding() {
    let evaluation =
        run(&rule("each: mounts\nat: it.at\nmessage: \"{{ it.device.name | upper | length + 1 }}\""), &[]);
    assert_eq!(evaluation.findings.len(), 2);
    assert!(!evaluation.mistakes.is_empty());
}

/// Line, column, a part of the message, a part of the help.
type Mistake = (usize, usize, &'static str, &'static str);

fn assert_mistake(lines: &str, (line, column, message, help): Mistake) {
    let yaml = format!("id: r\ntitle: T\nseverity: low\nwhy: W\nfix: [{{ advice: D }}]\n{lines}\n");
    let errors = load(&yaml).map(|rule| rule.id).expect_err(lines);
    let error = errors.first().unwrap();
    let drawn = error.draw(false);
    assert!(error.message.contains(message), "{lines}\n{drawn}");
    assert!(error.help.as_deref().unwrap_or_default().contains(help), "{lines}\n{drawn}");
    assert_eq!((error.line, error.column), (line + 5, column), "{lines}\n{drawn}");
    assert_eq!(errors.len(), 1, "{lines}\n{errors:?}");
}

#[test]
fn mistakes_in_conditions_have_their_place() {
    let cases: &[(&str, Mistake)] = &[
        ("it.kin == 'uuid'", (1, 10, "`Mount` has no field `kin`", "did you mean `kind`?")),
        ("it.kind == 'uid'", (1, 18, "is never `uid`", "did you mean `uuid`?")),
        ("it.kind != 'label'", (1, 18, "is never `label`", "`kernel-name`, `uuid`")),
        ("\"'label' in [it.kind]\"", (1, 16, "never holds", "")),
        ("it.spec.startsWit('a')", (1, 15, "no function `startsWit`", "did you mean `startsWith`?")),
        (
            "it.spec.startsWith(1)",
            (1, 15, "`startsWith` cannot be applied to a text and a number", "text.startsWith"),
        ),
        ("it.options.startsWith('a')", (1, 18, "cannot be applied to a list of texts and a text", "")),
        ("it.at.line < 'a'", (1, 18, "`<` cannot be applied to a number and a text", "")),
        ("it.spec == 5", (1, 15, "compares a text with a number", "")),
        ("it.spec == null", (1, 7, "is a text and never null", "")),
        ("5 in it.options", (1, 9, "compares a number with a text", "")),
        ("target.name == 'kvm'", (1, 7, "there is no `target` here", "targets: [all]")),
        ("size(boots) > 0", (1, 12, "there is no `boots` here", "targets: [all]")),
        ("muonts.exists(m, true)", (1, 7, "there is no `muonts`", "did you mean `mounts`?")),
        ("mounts.exists(m, m.spec == it.spec && m.foo)", (1, 47, "no field `foo`", "it has `at`")),
        ("mounts.map(m, m.at.lin) == [1]", (1, 26, "`Place` has no field `lin`", "`line`")),
        ("it.spec.matches('(')", (1, 23, "no regular expression: unclosed group", "")),
        ("it.spec", (1, 7, "is a text, where a condition is needed", "")),
        ("it.spec && true", (1, 7, "is a text, where a condition is needed", "")),
        ("it.device.uuid.size", (1, 22, "a text has no fields", "")),
        ("it.spec ==", (1, 17, "is no CEL", "")),
        ("first(it.spec, 1) == 'x'", (1, 12, "do not go together", "")),
        ("\"it.spec == \\\"ä\\\" && it.kin == 'a'\"", (1, 31, "no field `kin`", "")),
        ("|\n  it.kind == 'uuid' &&\n    it.at.pat == ''", (3, 11, "no field `pat`", "did you mean `path`?")),
        (
            ">\n  it.kind == 'uuid' &&\n\n    it.at.pat == ''",
            (4, 11, "no field `pat`", "did you mean `path`?"),
        ),
        ("it.kind == 'uuid' &&\n  it.at.pat == ''", (2, 9, "no field `pat`", "did you mean `path`?")),
    ];
    for (when, mistake) in cases {
        assert_mistake(&format!("when: {when}\neach: mounts\nmessage: x"), *mistake);
    }
}

#[test]
fn mistakes_in_templates_have_their_place() {
    let cases: &[(&str, Mistake)] = &[
        ("\"{{ it.sepc }}\"", (1, 17, "no field `sepc`", "did you mean `spec`?")),
        ("\"{{ it.spec \"", (1, 21, "is no template", "")),
        ("\"{{ it.spec | uper }}\"", (1, 24, "is no template", "")),
        ("\"{% for m in mounts %}{{ m.at.pth }}{% endfor %}\"", (1, 40, "no field `pth`", "`path`")),
        ("\"{{ foo }}\"", (1, 14, "there is no `foo`", "")),
        ("\"{{ target.name }}\"", (1, 14, "there is no `target` here", "targets: [all]")),
        (
            "\"{% if it.spec == 'x' %}{{ it.kid }}{% endif %}\"",
            (1, 40, "no field `kid`", "did you mean `kind`?"),
        ),
        ("|\n  {{ it.spec }}\n  {{ it.sepc }}", (3, 9, "no field `sepc`", "did you mean `spec`?")),
    ];
    for (message, mistake) in cases {
        assert_mistake(&format!("message: {message}\neach: mounts\nwhen: \"true\""), *mistake);
    }
    let fine = [
        "\"{% for m in mounts %}{{ loop.index }} {{ m.spec | upper }}{% endfor %}\"",
        "\"{{ it.options | join(sep=', ') }} {{ it.options[0] }} {{ labels.root }}\"",
        "\"{% set x = it.spec %}{{ x }} {% if it.device is defined and not it.device %}y{% endif %}\"",
        "\"{# it.gone #}{% raw %}{{ it.gone }}{% endraw %}\"",
        "'{{ \"it.gone\" }}'",
    ];
    for message in fine {
        let yaml = rule(&format!("message: {message}\neach: mounts"));
        let drawn = load(&yaml).map_err(|errors| errors[0].draw(false));
        assert!(drawn.is_ok(), "{}", drawn.unwrap_err());
    }
}

#[test]
fn mistakes_in_the_file_have_their_place() {
    let cases = [
        ("id: other", 1, "the id is not the file's name"),
        ("id: Bad_Id", 1, "kebab-case"),
        ("severity: hihg", 1, "a severity is one of"),
        ("severity: 'ready ? \"high\" : \"hgih\"'", 1, "may give something else"),
        ("decides: [B1234]", 1, "entry of the catalogue"),
        ("foo: 1", 1, "unknown field `foo`"),
        ("why: \" \"", 1, "a reason is needed"),
        ("fix: []", 1, "how to mend"),
        ("fix: [{ if: 'true' }]", 1, "step 1 is not exactly one of"),
        ("fix: [{ advice: x, command: y }]", 1, "step 1 is not exactly one of"),
        ("fix: [{ replace: { with: x, delete: true } }]", 1, "either `with`, `part` or `delete: true`"),
        ("fix: [{ command: '' }]", 1, "a text is needed"),
        ("at: release", 1, "is a text, where a place is needed"),
        ("at: mounts[0].at", 1, "this may be null"),
        ("each: release", 1, "where a list is needed"),
        ("entry: size(mounts)", 1, "where the title of an entry is needed"),
        ("targets: [Kvm]", 1, "names no target or class"),
        ("let: { mounts: '1' }", 1, "there is already a `mounts`"),
        ("let: { A: '1' }", 1, "a name is small letters"),
        ("title: [x", 1, ""),
        ("id: r\nid: r", 2, "uplicate"),
    ];
    for (lines, line, message) in cases {
        let yaml = rule(lines);
        let before = yaml.find(lines).map(|at| yaml[..at].matches('\n').count()).unwrap();
        let errors = load(&yaml).map(|rule| rule.id).expect_err(lines);
        let error = errors.first().unwrap();
        assert!(error.message.contains(message), "{lines}: {}", error.draw(false));
        if !message.is_empty() {
            assert_eq!(error.line, before + line, "{lines}: {}", error.draw(false));
        }
    }
    let missing = load("id: r\ntitle: T\n").map(|rule| rule.id).unwrap_err();
    assert!(missing[0].message.contains("missing field"), "{missing:?}");
}

#[test]
fn errors_are_drawn_with_line_and_caret() {
    let errors =
        load(&rule("each: mounts\nat: it.at\nwhen: it.kin == 'uuid'")).map(|rule| rule.id).unwrap_err();
    let expected = "\
error: `Mount` has no field `kin`
 --> r.yaml:9:10
  |
9 | when: it.kin == 'uuid'
  |          ^^^
  |
  = help: did you mean `kind`?";
    assert_eq!(errors[0].draw(false), expected);
    assert_eq!(errors[0].to_string(), "r.yaml:9:10: `Mount` has no field `kin`");
}

#[test]
fn rules_with_one_id_are_refused() {
    let mut set = RuleSet::empty().unwrap();
    let text = rule("id: r\nwhen: size(problems) > 0");
    let files = vec![("a/r.yaml".into(), text.clone()), ("b/r.yaml".into(), text)];
    let errors = set.add(files).unwrap_err();
    assert!(errors[0].message.contains("there is already a rule `r`: a/r.yaml"), "{errors:?}");
}

/// The fenced blocks of `rules/README.md` in one language.
fn readme(language: &str) -> Vec<&'static str> {
    let text = include_str!("../../rules/README.md");
    let blocks = text.split("\n```").skip(1).step_by(2);
    let found: Vec<&str> = blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).collect();
    assert!(!found.is_empty(), "{language}");
    found
}

#[test]
fn the_rule_that_the_readme_teaches_loads() {
    let set = RuleSet::empty().unwrap();
    let text = readme("yaml")[0];
    let loaded = load::load("README.md", "fstab-kernel-name", text, &set.language);
    let drawn = loaded.map_err(|errors| errors[0].draw(false));
    assert_eq!(drawn.map(|rule| rule.id).unwrap_or_else(|drawn| panic!("{drawn}")), "fstab-kernel-name");
}

#[test]
fn the_conditions_that_the_readme_shows_are_sound() {
    let set = RuleSet::empty().unwrap();
    for line in readme("cel")[0].lines() {
        let condition = line.split("//").next().unwrap_or_default().trim().replace('"', "\\\"");
        let yaml = rule(&format!("each: fstab.entries\nat: it.at\nwhen: \"{condition}\""));
        let drawn = load::load("r.yaml", "r", &yaml, &set.language).map_err(|errors| errors[0].draw(false));
        assert!(drawn.is_ok(), "{}", drawn.unwrap_err());
    }
}

#[test]
fn every_function_is_taught() {
    let text = include_str!("../../rules/README.md");
    for (name, _) in functions::USAGE {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn built_in_rules_have_no_mistakes() {
    if let Err(errors) = RuleSet::built_in() {
        panic!("{}", errors.iter().map(|error| error.draw(false)).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema().to_value();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    for key in ["id", "let", "when", "fix", "targets", "at", "entry"] {
        assert!(keys.iter().any(|known| *known == key), "{key}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_gives_a_rule_or_errors_inside_it(text in any::<String>()) {
        for error in load(&text).err().unwrap_or_default() {
            prop_assert!(error.line <= text.lines().count() + 1);
            prop_assert!(error.draw(false).starts_with("error"));
        }
    }

    #[test]
    fn any_condition_and_message_give_a_rule_or_errors(
        when in "[a-z.()\\[\\]{}?:&|!=<>'\"0-9 \\\\+%/-]{0,40}",
        message in "(\\{\\{|\\}\\}|\\{%|%\\}|\\{#|[a-z.| ()='\"]){0,12}",
    ) {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let yaml = rule(&format!("each: mounts\nwhen: \"{}\"\nmessage: \"{}\"", quoted(&when), quoted(&message)));
        for error in load(&yaml).err().unwrap_or_default() {
            prop_assert!(error.draw(false).starts_with("error"));
        }
    }

    #[test]
    fn any_change_of_a_rule_gives_a_rule_or_errors(at in 0usize..400, with in "\\PC{0,3}", cut in 0usize..20) {
        let mut text: Vec<char> = rule("each: mounts\nat: it.at\nlet: { a: size(mounts) }\nwhen: |\n  it.kind == \"uuid\" &&\n  a > 1\nmessage: \"{{ it.spec }}\"").chars().collect();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, with.chars());
        for error in load(&text.iter().collect::<String>()).err().unwrap_or_default() {
            prop_assert!(error.draw(false).starts_with("error"));
        }
    }
}
