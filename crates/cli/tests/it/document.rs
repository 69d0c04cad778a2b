//! What documents show: their blocks of code, by heading.

use std::collections::BTreeMap;

/// A section: the depth of its heading, its fenced blocks as mark and text, what stands in backticks elsewhere and how
/// often, and how many items of lists and rows of tables it has.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) depth: usize,
    pub(crate) blocks: Vec<(String, String)>,
    pub(crate) words: BTreeMap<String, usize>,
    pub(crate) items: usize,
}

/// The sections of a document, in order.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut out = vec![Section::default()];
    let mut inside = false;
    for line in text.lines() {
        if !inside && line.starts_with('#') {
            let depth = line.chars().take_while(|c| *c == '#').count();
            out.push(Section { title: line[depth..].trim().to_owned(), depth, ..Section::default() });
        }
        let Some(section) = out.last_mut() else { continue };
        if let Some(mark) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                section.blocks.push((mark.to_owned(), String::new()));
            }
        } else if let (true, Some((_, block))) = (inside, section.blocks.last_mut()) {
            block.push_str(line);
            block.push('\n');
        } else {
            // Every second part stands between backticks.
            line.split('`').skip(1).step_by(2).for_each(|word| *section.words.entry(word.to_owned()).or_default() += 1);
            section.items += usize::from(line.starts_with("- ") || line.starts_with('|'));
        }
    }
    out
}

/// The commands of a block that call `program`: one a line, without comments.
pub(crate) fn commands(block: &str, program: &str) -> Vec<String> {
    let lines = block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    let mine = lines.filter_map(|line| line.strip_prefix(program)?.strip_prefix(' '));
    mine.map(|words| words.trim().to_owned()).collect()
}
