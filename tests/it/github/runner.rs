//! GitHub's side: strict readers of what its runner documents
//! (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>).

use std::collections::HashMap;

/// Reads the file of `GITHUB_OUTPUT`: `name=value`, or `name<<END`, lines, `END`. A later value wins.
pub(crate) fn outputs(text: &str) -> HashMap<String, String> {
    assert!(text.ends_with('\n'), "the last line is not at its end");
    let mut lines = text.strip_suffix('\n').unwrap().split('\n');
    let mut outputs = HashMap::new();
    while let Some(line) = lines.next() {
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        let (name, value) = match (equals, heredoc) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                (&line[..equals], line[equals + 1..].to_owned())
            }
            (_, Some(heredoc)) => {
                let end = &line[heredoc + 2..];
                assert!(!end.is_empty(), "{line:?}");
                let mut value = Vec::new();
                loop {
                    let line = lines.next().expect("the end of a value of several lines");
                    if line == end {
                        break;
                    }
                    value.push(line);
                }
                (&line[..heredoc], value.join("\n"))
            }
            _ => panic!("the runner fails the step over {line:?}"),
        };
        assert!(
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{name:?}"
        );
        outputs.insert(name.to_owned(), value);
    }
    outputs
}

/// A workflow command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    pub(crate) command: String,
    pub(crate) title: String,
    pub(crate) message: String,
}

/// Reads the workflow commands among the lines of a log.
pub(crate) fn annotations(log: &str) -> Vec<Annotation> {
    let commands = log.lines().filter_map(|line| line.trim_start().strip_prefix("::"));
    let read = |command: &str| {
        let (head, message) = command.split_once("::").unwrap();
        let (command, properties) = head.split_once(' ').unwrap();
        let title = properties.split(',').find_map(|one| one.strip_prefix("title=")).unwrap();
        assert!(!title.contains(':'), "{title:?}");
        Annotation {
            command: command.to_owned(),
            title: unescape(title).replace("%3A", ":").replace("%2C", ","),
            message: unescape(message),
        }
    };
    commands.map(read).collect()
}

fn unescape(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

/// The cells of a table of GitHub's Markdown, without the row that only draws a line.
pub(crate) fn table(markdown: &str) -> Vec<Vec<String>> {
    let rows = markdown.lines().skip_while(|line| !line.starts_with('|'));
    let rows: Vec<Vec<String>> = rows.take_while(|line| line.starts_with('|')).map(cells).collect();
    let width = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == width), "{rows:?}");
    assert!(rows[1].iter().all(|cell| cell.trim_matches(':') == "---"), "{rows:?}");
    rows.into_iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, row)| row).collect()
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).unwrap();
    let mut cells = vec![String::new()];
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => cells.last_mut().unwrap().push(letters.next().unwrap()),
            '|' => cells.push(String::new()),
            other => cells.last_mut().unwrap().push(other),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}
