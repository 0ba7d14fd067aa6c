//! Reads which paths a Rust file names. A scanner, not a compiler: it knows comments, literals, `use` trees, inline
//! modules and `#[cfg(test)]`, and takes a name that a file imports somewhere as known in the whole file.

use std::collections::HashMap;

/// One path that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Where, from 1.
    pub(crate) line: usize,
    /// From its root: `crate`, or another crate's name. A glob ends in `*`.
    pub(crate) path: Vec<String>,
    /// Whether only tests compile it.
    pub(crate) in_test: bool,
}

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// Every path that it names.
    pub(crate) mentions: Vec<Mention>,
    /// Modules in files of their own, below this one, that only tests compile.
    pub(crate) test_modules: Vec<String>,
    /// `(trait, type)` of every `impl Trait for Type`, by their last names, outside tests.
    pub(crate) impls: Vec<(String, String)>,
}

/// Reads `source`, the file of the module at `module` (empty for the crate root).
pub(crate) fn read(module: &[String], source: &str) -> File {
    let tokens = tokens(source);
    let in_test = test_code(&tokens);
    let mut reader = Reader { tokens, at: 0, written: Vec::new(), names: HashMap::new() };
    let mut file = File::default();
    // Inline modules, each with the number of braces around it.
    let mut module = module.to_vec();
    let mut inline = Vec::new();
    let mut depth = 0_usize;
    while let Some(token) = reader.peek(0).cloned() {
        let start = reader.at;
        reader.at += 1;
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    module.pop();
                }
            }
            Token::Mark(_) => {}
            Token::Sep => reader.expression(vec![EXTERN.to_owned()], &module),
            Token::Word(word) if word == "use" && reader.peek(0) != Some(&Token::Mark('<')) => {
                reader.import(Vec::new(), &module);
            }
            Token::Word(word) if word == "mod" => {
                let Some(Token::Word(name)) = reader.peek(0).cloned() else { continue };
                reader.at += 1;
                if reader.peek(0) == Some(&Token::Mark('{')) {
                    inline.push(depth);
                    module.push(name);
                } else {
                    let child = vec!["self".to_owned(), name.clone()];
                    reader.names.insert(name.clone(), absolute(&child, &module));
                    if in_test[start] {
                        file.test_modules.push(name);
                    }
                }
            }
            Token::Word(word) => {
                if word == "impl" && !in_test[start] {
                    file.impls.extend(reader.implemented());
                }
                reader.expression(vec![word], &module);
            }
        }
    }
    file.mentions = reader
        .written
        .iter()
        .map(|(at, path)| Mention {
            line: reader.tokens[*at].line,
            path: reader.resolved(path),
            in_test: in_test[*at],
        })
        .collect();
    file
}

/// First segment of a path that is written with leading `::`.
const EXTERN: &str = "::";

struct Reader {
    tokens: Vec<Placed>,
    at: usize,
    /// Paths with the index of the token they begin at, before imported names are looked up.
    written: Vec<(usize, Vec<String>)>,
    /// What the names stand for that the file imports or declares.
    names: HashMap<String, Vec<String>>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|placed| &placed.token)
    }

    fn peek_word(&self) -> Option<String> {
        match self.peek(0) {
            Some(Token::Word(word)) => Some(word.clone()),
            _ => None,
        }
    }

    /// The rest of a path that begins with `path`, where code or an attribute names it.
    fn expression(&mut self, mut path: Vec<String>, module: &[String]) {
        let start = self.at - 1;
        loop {
            if path != [EXTERN] {
                if self.peek(0) != Some(&Token::Sep) {
                    break;
                }
                self.at += 1;
            }
            let Some(word) = self.peek_word() else { break };
            self.at += 1;
            path.push(word);
        }
        if path.len() > 1 {
            self.written.push((start, absolute(&path, module)));
        }
    }

    /// One branch of a `use` tree whose stem is `path`.
    fn import(&mut self, mut path: Vec<String>, module: &[String]) {
        let start = self.at;
        if path.is_empty() && self.peek(0) == Some(&Token::Sep) {
            self.at += 1;
            path.push(EXTERN.to_owned());
        }
        loop {
            match self.peek(0).cloned() {
                Some(Token::Mark('{')) => {
                    self.at += 1;
                    while !matches!(self.peek(0), None | Some(Token::Mark('}'))) {
                        self.import(path.clone(), module);
                        if self.peek(0) == Some(&Token::Mark(',')) {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                Some(Token::Mark('*')) => {
                    path.push("*".to_owned());
                    self.at += 1;
                }
                Some(Token::Word(word)) if word == "self" && !path.is_empty() => self.at += 1,
                Some(Token::Word(word)) => {
                    path.push(word);
                    self.at += 1;
                }
                _ => {}
            }
            match self.peek(0) {
                Some(Token::Sep) => self.at += 1,
                _ => break,
            }
        }
        let mut name = path.last().cloned();
        if self.peek_word().as_deref() == Some("as") {
            self.at += 1;
            name = self.peek_word();
            self.at += 1;
        }
        let path = absolute(&path, module);
        if path.is_empty() {
            // Not Rust: step over it.
            self.at += 1;
            return;
        }
        if let Some(name) = name.filter(|name| name != "*" && name != "_") {
            self.names.insert(name, path.clone());
        }
        self.written.push((start, path));
    }

    /// `Trait for Type` after `impl`, without moving.
    fn implemented(&self) -> Option<(String, String)> {
        let header: Vec<&Token> = self.tokens[self.at..]
            .iter()
            .map(|placed| &placed.token)
            .take_while(|token| !matches!(token, Token::Mark('{' | ';')))
            .collect();
        let middle = header.iter().position(|token| **token == Token::Word("for".to_owned()))?;
        let last_name = |tokens: &[&Token]| {
            let path = tokens.iter().skip_while(|token| matches!(token, Token::Mark(_)));
            let path = path.take_while(|token| !matches!(token, Token::Mark(_)));
            path.filter_map(|token| token.word()).last().map(ToOwned::to_owned)
        };
        Some((last_name(&header[..middle])?, last_name(&header[middle + 1..])?))
    }

    /// Looks up what the first segment stands for, until it stands for itself.
    fn resolved(&self, path: &[String]) -> Vec<String> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            match self.names.get(&path[0]) {
                Some(stem) if stem[0] != path[0] => {
                    path = stem.iter().chain(&path[1..]).cloned().collect();
                }
                _ => break,
            }
        }
        if path[0] == EXTERN {
            path.remove(0);
        }
        path
    }
}

/// Replaces `self` and `super` at the start of a path by what they mean in `module`.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let climbs = path.iter().take_while(|segment| *segment == "super").count();
    let (above, rest) = match path.first().map(String::as_str) {
        Some("self") => (module, &path[1..]),
        Some("super") => (&module[..module.len().saturating_sub(climbs)], &path[climbs..]),
        _ => return path.to_vec(),
    };
    std::iter::once("crate")
        .chain(above.iter().chain(rest).map(String::as_str))
        .map(Into::into)
        .collect()
}

/// For each token, whether it belongs to an item under `#[cfg(test)]`.
fn test_code(tokens: &[Placed]) -> Vec<bool> {
    let attribute: Vec<Token> = ["#", "[", "cfg", "(", "test", ")", "]"]
        .iter()
        .map(|text| match text.len() {
            1 => Token::Mark(text.as_bytes()[0].into()),
            _ => Token::Word((*text).to_owned()),
        })
        .collect();
    let mut in_test = vec![false; tokens.len()];
    for start in 0..tokens.len() {
        let end = tokens.len().min(start + attribute.len());
        if !tokens[start..end].iter().map(|placed| &placed.token).eq(&attribute) {
            continue;
        }
        let mut depth = 0_i32;
        for at in end..tokens.len() {
            in_test[at] = true;
            match tokens[at].token {
                Token::Mark('{' | '[' | '(') => depth += 1,
                Token::Mark('}' | ']' | ')') => depth -= 1,
                _ => {}
            }
            let ends = matches!(tokens[at].token, Token::Mark(';' | '}'));
            if depth < 0 || (depth == 0 && ends) {
                break;
            }
        }
    }
    in_test
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Sep,
    Mark(char),
}

impl Token {
    fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

struct Placed {
    token: Token,
    line: usize,
}

/// Splits Rust source into words, `::` and marks. Comments and literals go, save that a string which holds nothing but
/// a path, as in `deserialize_with = "crate::duration::deserialize"`, counts as that path.
fn tokens(source: &str) -> Vec<Placed> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let line = 1 + source[..source.len() - rest.len()].matches('\n').count();
        let mut push = |token| tokens.push(Placed { token, line });
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment_length(rest)
        } else if let Some((length, content)) = string(rest) {
            for token in path_in_string(content) {
                push(token);
            }
            length
        } else if first == '\'' {
            quote_length(rest)
        } else if rest.starts_with("::") {
            push(Token::Sep);
            2
        } else if is_word(first) {
            let word = rest.split(|c| !is_word(c)).next().unwrap_or(rest);
            if !first.is_ascii_digit() {
                push(Token::Word(word.to_owned()));
            }
            word.len()
        } else {
            if !first.is_whitespace() {
                push(Token::Mark(first));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a block comment, with those inside it.
fn comment_length(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length and content of the string literal of any sort that `text` begins with.
fn string(text: &str) -> Option<(usize, &str)> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|p| {
        text.strip_prefix(p).is_some_and(|after| {
            after.starts_with('"')
                || (p.ends_with('r') && after.trim_start_matches('#').starts_with('"'))
        })
    })?;
    let after = &text[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let open = prefix.len() + hashes + 1;
    let content = &text[open..];
    let end = if prefix.ends_with('r') {
        content.find(&format!("\"{}", "#".repeat(hashes)))
    } else {
        let mut escaped = false;
        content.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })
    };
    let end = end.unwrap_or(content.len());
    Some(((open + end + 1 + hashes).min(text.len()), &content[..end]))
}

/// Length of a character literal, or of a lifetime.
fn quote_length(text: &str) -> usize {
    let inner: Vec<char> = text.chars().skip(1).take(2).collect();
    match inner[..] {
        ['\\', escaped] => {
            let from = 2 + escaped.len_utf8();
            text[from..].find('\'').map_or(text.len(), |end| from + end + 1)
        }
        [c, '\''] => 2 + c.len_utf8(),
        _ => 1 + text[1..].find(|c| !is_word(c)).unwrap_or(text.len() - 1),
    }
}

fn path_in_string(content: &str) -> Vec<Token> {
    let is_path = content.contains("::")
        && content.split("::").all(|segment| !segment.is_empty() && segment.chars().all(is_word));
    if !is_path {
        return Vec::new();
    }
    let words = content.split("::").map(|segment| Token::Word(segment.to_owned()));
    words.flat_map(|word| [Token::Sep, word]).skip(1).collect()
}
