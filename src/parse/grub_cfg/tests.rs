use proptest::prelude::*;

use super::*;

fn words(statement: &Statement) -> Vec<String> {
    match statement {
        Statement::Command(words) => words.iter().map(shown).collect(),
        other => panic!("{other:?} is no command"),
    }
}

fn shown(word: &Word) -> String {
    let show = |part: &Part| match part {
        Part::Text { text, .. } => text.clone(),
        Part::Variable { name, is_quoted: true } => format!("\"${name}\""),
        Part::Variable { name, is_quoted: false } => format!("${name}"),
    };
    word.parts.iter().map(show).collect()
}

fn commands(script: &str) -> Vec<String> {
    let (statements, mistakes) = parse(script.as_bytes());
    assert_eq!(mistakes, [], "{script}");
    statements.iter().map(|statement| words(statement).join("|")).collect()
}

#[test]
fn words_are_unquoted_as_grub_does() {
    let table = [
        ("set default=\"${saved_entry}\"", "set|default=\"$saved_entry\""),
        ("echo 'it''s $HOME' \"a \\\"b\\\" \\c\"", "echo|its $HOME|a \"b\" \\c"),
        ("linux ($root)/vmlinuz root=UUID=0a1b ro # quiet", "linux|($root)/vmlinuz|root=UUID=0a1b|ro"),
        ("initrd /a.img \\\n  /b.img", "initrd|/a.img|/b.img"),
        ("set x=a\\ b", "set|x=a b"),
        ("search --no-floppy --fs-uuid --set=root 0a1b", "search|--no-floppy|--fs-uuid|--set=root|0a1b"),
        ("echo ''", "echo|"),
    ];
    for (script, expected) in table {
        assert_eq!(commands(script), [expected], "{script}");
    }
    assert_eq!(
        commands("insmod part_msdos; insmod ext2\n\ninsmod lvm"),
        ["insmod|part_msdos", "insmod|ext2", "insmod|lvm"]
    );
}

#[test]
fn decisions_have_all_their_branches() {
    let script = "if [ -s $prefix/grubenv ]; then\n  load_env\nelif [ x = y ]; then a\nelse\n  b; c\nfi\nd\n";
    let (statements, mistakes) = parse(script.as_bytes());
    assert_eq!(mistakes, []);
    let [Statement::If(decision), after] = statements.as_slice() else { panic!("{statements:?}") };
    assert_eq!(words(after), ["d"]);
    assert_eq!(decision.branches.len(), 2);
    let (condition, body) = decision.branches.first().unwrap();
    assert_eq!(words(condition.first().unwrap()), ["[", "-s", "$prefix/grubenv", "]"]);
    assert_eq!(words(body.first().unwrap()), ["load_env"]);
    assert_eq!(decision.otherwise.len(), 2);
}

#[test]
fn menus_nest_and_functions_have_bodies() {
    let script = "function savedefault {\n  save_env saved_entry\n}\n\
        menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple' {\n\tlinux /vmlinuz\n}\n\
        submenu 'Advanced options' {\n\tmenuentry \"old\" {\n\t\tlinux /vmlinuz.old\n\t}\n}\n";
    let (statements, mistakes) = parse(script.as_bytes());
    assert_eq!(mistakes, []);
    let [Statement::Function { name, .. }, Statement::Menu(entry), Statement::Menu(submenu)] =
        statements.as_slice()
    else {
        panic!("{statements:?}")
    };
    assert_eq!(name, "savedefault");
    let entry_words: Vec<_> = entry.words.iter().map(shown).collect();
    assert_eq!(
        entry_words,
        ["Debian GNU/Linux", "--class", "debian", "$menuentry_id_option", "gnulinux-simple"]
    );
    assert_eq!((entry.is_submenu, entry.span.line, submenu.is_submenu), (false, 4, true));
    assert!(matches!(submenu.body.as_slice(), [Statement::Menu(_)]));
}

#[test]
fn words_know_their_columns() {
    let (statements, _) = parse(b"menuentry x {\n\tlinux /vmlinuz root=/dev/sda2\n}\n");
    let [Statement::Menu(menu)] = statements.as_slice() else { panic!("{statements:?}") };
    let [Statement::Command(words)] = menu.body.as_slice() else { panic!("{menu:?}") };
    let spans: Vec<_> = words.iter().map(|word| word.span).collect();
    assert_eq!(spans, [Span::new(2, 2, 7), Span::new(2, 8, 16), Span::new(2, 17, 31)]);
}

#[test]
fn unbalanced_scripts_are_read_as_far_as_they_go() {
    for script in
        ["if true; then\n a\n", "menuentry x\n", "}\nfi\na", "function f\n", "menuentry x {\n fi\n a\n}\n"]
    {
        assert!(!parse(script.as_bytes()).1.is_empty(), "{script}");
    }
}

#[test]
fn deep_nesting_ends() {
    for piece in ["{", "if true; then ", "menuentry x {", "while true; do ", "function f {", "submenu x { {"]
    {
        let (_, mistakes) = parse(piece.repeat(50_000).as_bytes());
        assert!(!mistakes.is_empty());
    }
}

proptest! {
    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_tokens_end(tokens in proptest::collection::vec(
        prop::sample::select(vec!["if", "then", "else", "elif", "fi", "{", "}", ";", "\n", "menuentry", "submenu",
            "function", "while", "for", "do", "done", "a", "'", "\"", "$x", "\\"]), 0..60)) {
        let _ = parse(tokens.join(" ").as_bytes());
    }

    #[test]
    fn plain_words_come_back(plain in proptest::collection::vec("[a-z/=.(),_-]{1,9}", 1..6)) {
        let (statements, mistakes) = parse(format!("linux {}", plain.join("  ")).as_bytes());
        prop_assert_eq!(mistakes, []);
        let read = words(statements.first().unwrap());
        prop_assert_eq!(read.get(1..).unwrap(), plain);
    }
}
