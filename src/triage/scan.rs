//! One pass over the log: each line is searched for the fixed texts of all signatures at once, and only those that hold
//! one are taken apart and tried against the expressions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::{Captures, Regex};

use super::clean::{self, Said};
use super::literal;
use super::signature::{Signature, Signatures};
use super::watch::{self, Event, Watch};

/// Boots of one log that are kept; of a log with more, the last ones.
pub(super) const MOST_BOOTS: usize = 64;
/// Findings of one boot that are kept apart.
const MOST_HITS: usize = 2048;
/// Findings of one signature that are kept apart; the lines of others are counted with the last.
const MOST_OF_ONE: usize = 64;
/// Lines that are kept of a finding, for show.
const SHOWN_LINES: usize = 3;
/// Lines that are kept of a boot, for conclusions to show.
const KEPT_LINES: usize = 2048;
/// Characters that are kept of a line.
const SHOWN_LENGTH: usize = 400;

/// Lines of one boot that show one thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Hit {
    pub(super) captures: BTreeMap<String, String>,
    pub(super) count: u64,
    /// The first lines: number and text.
    pub(super) lines: Vec<(u64, String)>,
    pub(super) last_line: u64,
    pub(super) first_seconds: Option<f64>,
    pub(super) last_seconds: Option<f64>,
    pub(super) clock: Option<String>,
}

/// A boot as the scan saw it.
#[derive(Debug, Default)]
pub(super) struct Boot {
    pub(super) watch: Watch,
    /// By the signature's index, and the values of its `per`.
    pub(super) hits: BTreeMap<(usize, Vec<String>), Hit>,
    /// Signatures of which a line was seen that must not be there.
    pub(super) denied: BTreeSet<usize>,
    /// Lines that told of the boot as a whole.
    pub(super) kept: BTreeMap<u64, String>,
    /// How far each sequence has come, with what it captured.
    begun: BTreeMap<usize, Hit>,
    boot_id: Option<String>,
}

/// What an expression is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Event(usize),
    After(usize, usize),
    Without(usize, usize),
    Line(usize, usize),
}

/// The fixed texts of all signatures and events, and what each is for.
#[derive(Debug)]
pub(super) struct Search {
    automaton: AhoCorasick,
    /// What the text with this number is for.
    uses: Vec<Vec<Use>>,
    events: Vec<Regex>,
}

impl Search {
    /// Prepares the search for `signatures`.
    pub(super) fn new(signatures: &[Signature]) -> anyhow::Result<Self> {
        let mut texts: BTreeMap<String, Vec<Use>> = BTreeMap::new();
        for (index, (_, words, _)) in watch::EVENTS.iter().enumerate() {
            for word in *words {
                texts.entry((*word).to_owned()).or_default().push(Use::Event(index));
            }
        }
        for (index, signature) in signatures.iter().enumerate() {
            let mut add = |expressions: &[Regex], of: fn(usize, usize) -> Use| {
                for (number, expression) in expressions.iter().enumerate() {
                    for word in literal::required(expression.as_str()).unwrap_or_default() {
                        texts.entry(word).or_default().push(of(index, number));
                    }
                }
            };
            add(&signature.after, Use::After);
            add(&signature.without, Use::Without);
            add(&signature.lines, Use::Line);
        }
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(texts.keys())?;
        Ok(Self { automaton, uses: texts.into_values().collect(), events: watch::expressions()? })
    }
}

/// Searches a log.
pub(super) struct Scan<'a> {
    signatures: &'a [Signature],
    search: &'a Search,
    boots: VecDeque<Boot>,
    current: Boot,
    /// Boots that were too many.
    dropped: usize,
}

impl<'a> Scan<'a> {
    /// Begins with a log.
    pub(super) fn new(signatures: &'a Signatures) -> Self {
        Self {
            signatures: &signatures.list,
            search: &signatures.search,
            boots: VecDeque::new(),
            current: Boot { watch: Watch::from(1), ..Boot::default() },
            dropped: 0,
        }
    }

    /// Takes the line with this number.
    pub(super) fn line(&mut self, number: u64, raw: &[u8]) {
        if clean::is_plain(raw) && raw.first() != Some(&b'{') {
            if self.search.automaton.is_match(raw) {
                self.voices(number, &String::from_utf8_lossy(raw));
            }
        } else if raw.first() == Some(&b'{') {
            self.voice(number, String::from_utf8_lossy(raw).as_ref());
        } else {
            for line in clean::visible(raw) {
                if self.search.automaton.is_match(&line) {
                    self.voices(number, &line);
                }
            }
        }
        self.current.watch.log.to_line = number;
    }

    fn voices(&mut self, number: u64, line: &str) {
        for voice in clean::voices(line) {
            self.voice(number, voice);
        }
    }

    /// Takes what one program said.
    fn voice(&mut self, number: u64, line: &str) {
        let said = clean::said(line);
        let mut uses: Vec<Use> = Vec::new();
        for found in self.search.automaton.find_overlapping_iter(&said.text) {
            uses.extend(self.search.uses.get(found.pattern().as_usize()).into_iter().flatten().copied());
        }
        uses.sort_unstable();
        uses.dedup();
        let is_other_boot =
            said.boot.is_some() && self.current.boot_id.is_some() && said.boot != self.current.boot_id;
        if is_other_boot || self.current.watch.restarted(said.seconds) {
            self.next_boot(number);
        }
        if said.boot.is_some() {
            self.current.boot_id.clone_from(&said.boot);
        }
        if said.program.as_deref().is_some_and(|program| program.starts_with("dracut")) {
            self.current.watch.dracut(number);
        }
        for of in uses {
            match of {
                Use::Event(index) => self.event(index, number, line, &said.text),
                Use::After(signature, step) => self.before(signature, step, number, line, &said),
                Use::Without(signature, index) => {
                    let expression =
                        self.signatures.get(signature).and_then(|signature| signature.without.get(index));
                    if expression.is_some_and(|expression| expression.is_match(&said.text)) {
                        self.current.denied.insert(signature);
                    }
                }
                Use::Line(signature, index) => self.shows(signature, index, number, line, &said),
            }
        }
    }

    fn event(&mut self, index: usize, number: u64, line: &str, text: &str) {
        let (Some((event, _, _)), Some(expression)) =
            (watch::EVENTS.get(index), self.search.events.get(index))
        else {
            return;
        };
        let Some(found) = expression.captures(text) else { return };
        if self.current.watch.ends_before(*event) {
            let (watch, number) = (Watch::from(number), number);
            self.finish_current(number);
            self.current = Boot { watch, ..Boot::default() };
        }
        if self.current.kept.len() < KEPT_LINES && *event != Event::DriverOnPci {
            self.current.kept.entry(number).or_insert_with(|| shown(line));
        }
        self.current.watch.take(*event, &found, number);
    }

    fn next_boot(&mut self, number: u64) {
        self.finish_current(number);
        self.current = Boot { watch: Watch::from(number), ..Boot::default() };
    }

    fn finish_current(&mut self, next: u64) {
        let mut boot = std::mem::take(&mut self.current);
        boot.watch.log.to_line = next.saturating_sub(1).max(boot.watch.log.from_line);
        self.boots.push_back(boot);
        if self.boots.len() > MOST_BOOTS {
            self.boots.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// A line that has to come before others.
    fn before(&mut self, index: usize, step: usize, number: u64, line: &str, said: &Said) {
        let Some(expression) = self.signatures.get(index).and_then(|signature| signature.after.get(step))
        else {
            return;
        };
        let begun = self.current.begun.entry(index).or_default();
        // `count` is the number of lines of the sequence that came so far.
        if usize::try_from(begun.count) != Ok(step) {
            return;
        }
        if let Some(found) = expression.captures(&said.text) {
            begun.captures.extend(named(expression, &found));
            begun.count = begun.count.saturating_add(1);
            begun.lines.push((number, shown(line)));
        }
    }

    /// A line that shows what a signature is about.
    fn shows(&mut self, index: usize, expression: usize, number: u64, line: &str, said: &Said) {
        let Some(signature) = self.signatures.get(index) else { return };
        let Some(expression) = signature.lines.get(expression) else { return };
        let Some(found) = expression.captures(&said.text) else { return };
        if signature.unless.iter().any(|unless| unless.is_match(&said.text)) {
            return;
        }
        let begun = self.current.begun.get(&index).cloned().unwrap_or_default();
        if usize::try_from(begun.count).unwrap_or(usize::MAX) < signature.after.len() {
            return;
        }
        let mut captures = begun.captures;
        captures.extend(named(expression, &found));
        if let Some(program) = &said.program {
            captures.entry("program".to_owned()).or_insert_with(|| program.clone());
        }
        let key: Vec<String> =
            signature.per.iter().map(|name| captures.get(name).cloned().unwrap_or_default()).collect();
        let hits = &mut self.current.hits;
        let of_one = hits.range((index, Vec::new())..(index.saturating_add(1), Vec::new())).count();
        let is_new = !hits.contains_key(&(index, key.clone()));
        if is_new && (hits.len() >= MOST_HITS || of_one >= MOST_OF_ONE) {
            if let Some((_, last)) =
                hits.range_mut((index, Vec::new())..(index.saturating_add(1), Vec::new())).next_back()
            {
                last.count = last.count.saturating_add(1);
            }
            return;
        }
        let time = captures.get("time").and_then(|time| time.parse().ok()).or(said.seconds);
        let hit = hits.entry((index, key)).or_insert_with(|| Hit {
            captures,
            lines: begun.lines,
            first_seconds: time,
            clock: said.clock.clone(),
            ..Hit::default()
        });
        hit.count = hit.count.saturating_add(1);
        hit.last_line = number;
        hit.last_seconds = time.or(hit.last_seconds);
        if hit.lines.len() < SHOWN_LINES && hit.lines.last().is_none_or(|(last, _)| *last != number) {
            hit.lines.push((number, shown(line)));
        }
    }

    /// The boots, in order.
    pub(super) fn finish(mut self) -> (Vec<Boot>, usize) {
        let next = self.current.watch.log.to_line.saturating_add(1);
        self.finish_current(next);
        (self.boots.into(), self.dropped)
    }
}

fn named(expression: &Regex, found: &Captures<'_>) -> BTreeMap<String, String> {
    let names = expression.capture_names().flatten();
    names.filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().trim().to_owned()))).collect()
}

/// A line for show: of the words that a journal's record holds, these.
fn shown(line: &str) -> String {
    let text = if line.starts_with('{') { clean::said(line).text } else { line.trim().to_owned() };
    match text.char_indices().nth(SHOWN_LENGTH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
