//! The script that carries a plan out, on the live system or from a rescue system on a mounted root.
//!
//! It is POSIX sh (Shell Command Language of POSIX.1-2008) for dash, busybox ash and the bash 3.1 of RHEL 5, and uses what
//! their systems have: awk, sed, cp, mount. The fixed part is `script.sh`; the steps are written here, every value as one
//! quoted word. The diffs stand in the script, so that one file is all that has to be carried over.

use super::{FileChange, FileKind, HandStep, Plan, RebuildStep};
use crate::rebuild::Builder;
use crate::report::one_line;
use crate::rules::shell::word;

/// The functions that the steps call.
const FUNCTIONS: &[u8] = include_bytes!("script.sh");

/// The script of `plan`. Bytes, since the diffs in it have those of the files.
#[must_use]
pub fn script(plan: &Plan) -> Vec<u8> {
    let mut out = Vec::new();
    head(&mut out, plan);
    out.extend_from_slice(FUNCTIONS);
    out.extend_from_slice(b"\nfiles() {\n\t:\n");
    plan.files.iter().for_each(|file| change(&mut out, file));
    out.extend_from_slice(b"}\n\nimages() {\n\t:\n");
    plan.rebuilds.iter().for_each(|step| rebuild(&mut out, step));
    out.extend_from_slice(b"}\n\ncommands() {\n\t:\n");
    for step in &plan.commands {
        reason(&mut out, &step.cures);
        push(&mut out, &format!("run {}\n", quoted(&step.command)));
    }
    out.extend_from_slice(b"}\n\n");
    out.extend_from_slice(END);
    if !plan.by_hand.is_empty() {
        push(&mut out, "\n# What is left to you:\n");
        plan.by_hand.iter().for_each(|step| by_hand(&mut out, step));
    }
    out
}

/// Everything is looked at before anything is changed.
const END: &[u8] = b"mode=check
files
enter
images
check_room
mode=act
files
images
commands
say 'done; look once more: bootproof check'
";

fn head(out: &mut Vec<u8>, plan: &Plan) {
    let host = plan.system.system.hostname.as_deref().unwrap_or("this system");
    let targets: Vec<&str> = plan.targets.iter().map(|target| target.name.as_str()).collect();
    push(out, "#!/bin/sh\n");
    push(
        out,
        &format!(
            "# Mends {} so that it boots on {}. Written by bootproof {}.\n#\n",
            one_line(host),
            one_line(&targets.join(", ")),
            plan.tool.version
        ),
    );
    push(out, "#   sh fix.sh                  on the system itself, as root\n");
    push(
        out,
        "#   sh fix.sh /mnt/sysimage    from a rescue system, with its root and /boot mounted there\n#\n",
    );
    push(
        out,
        "# It looks at everything before it changes anything, keeps what it changes in /var/lib/bootproof/before and\n",
    );
    push(
        out,
        "# the old initrds in /boot/before-bootproof, stops at the first error, and may be run again.\n",
    );
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// A value as one word, in quotes whatever it is.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// The same for bytes.
fn quoted_bytes(value: &[u8]) -> Vec<u8> {
    let mut out = vec![b'\''];
    for byte in value {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
    out
}

fn reason(out: &mut Vec<u8>, rules: &[String]) {
    push(out, &format!("# {}\n", one_line(&rules.join(", "))));
}

fn change(out: &mut Vec<u8>, file: &FileChange) {
    let path = std::os::unix::ffi::OsStrExt::as_bytes(file.real.as_os_str());
    reason(out, &file.cures);
    match &file.patch_bytes {
        Some(diff) => {
            push(out, "edit ");
            out.extend(quoted_bytes(path));
            // No line of a diff can be this word: each begins with a mark.
            push(out, " <<'END_OF_DIFF'\n");
            out.extend_from_slice(diff);
            push(out, "END_OF_DIFF\n");
        }
        None if file.kind == FileKind::Remove => {
            push(out, "drop ");
            out.extend(quoted_bytes(path));
            push(out, "\n");
        }
        None => {}
    }
    for swap in &file.swaps {
        push(out, "swap ");
        out.extend(quoted_bytes(path));
        push(out, &format!(" {} ", swap.line));
        out.extend(quoted_bytes(&swap.old));
        push(out, " ");
        out.extend(quoted_bytes(&swap.new));
        push(out, "\n");
    }
}

fn rebuild(out: &mut Vec<u8>, step: &RebuildStep) {
    let image = word(&format!("/{}", step.initrd));
    let list = match step.builder {
        Builder::MkinitrdRedHat | Builder::MkinitrdSuse => {
            format!("{} {image} | cpio -it --quiet", step.builder.lister())
        }
        builder => format!("{} {image}", builder.lister()),
    };
    if step.cures.is_empty() {
        push(out, "# what goes into it has changed\n");
    } else {
        reason(out, &step.cures);
    }
    let words = [
        quoted(&step.initrd),
        quoted(&step.release),
        quoted(&step.command),
        step.builder.program().to_owned(),
        quoted(&list),
        quoted(&step.drivers.join(" ")),
        if step.size.is_some() { "old" } else { "new" }.to_owned(),
    ];
    push(out, &format!("rebuild {}\n", words.join(" ")));
}

fn by_hand(out: &mut Vec<u8>, step: &HandStep) {
    push(out, &format!("#\n# {}:\n", one_line(&step.rules.join(", "))));
    if let Some(text) = &step.text {
        push(out, &format!("#   {}\n", one_line(text)));
    }
    for line in step.command.iter().flat_map(|command| command.lines()) {
        push(out, &format!("#     {}\n", one_line(line)));
    }
}
