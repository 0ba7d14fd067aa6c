//! What a text can be read as, where a part of it may be escaped: as JSON, URLs and HTML do it, and one inside another.

use std::ops::RangeInclusive;

/// How many times over a text may be escaped: JSON within the JSON within a page of HTML.
const DEPTH: usize = 3;

/// For each byte of a text the characters that can be read there, each with the place behind it.
///
/// A text has many readings at once: `\u0026` is six characters, and an ampersand.
pub(super) struct Readings(Vec<Vec<(char, usize)>>);

impl Readings {
    /// All of `text`.
    pub(super) fn of(text: &str) -> Self {
        let mut readings = vec![Vec::new(); text.len()];
        for (start, c) in text.char_indices() {
            readings[start].push((c, start + c.len_utf8()));
        }
        let mut readings = Self(readings);
        for _ in 0..DEPTH {
            readings.unescape();
        }
        readings
    }

    /// How many characters of `wanted` can be read from `start` on, in whatever case, and where the last of them can
    /// end at most.
    pub(super) fn longest(&self, start: usize, wanted: &str) -> (usize, usize) {
        let (mut ends, mut count) = (vec![start], 0);
        for c in wanted.chars() {
            let next = self.after(&ends, |read| read.eq_ignore_ascii_case(&c));
            if next.is_empty() {
                break;
            }
            (ends, count) = (next, count + 1);
        }
        (count, ends.into_iter().max().unwrap_or(start))
    }

    /// Whether what is read from `start` to `end` can stand between other characters than letters and digits.
    pub(super) fn is_word(&self, start: usize, end: usize) -> bool {
        let is_between = |&(c, _): &(char, usize)| !c.is_alphanumeric();
        let begins = start == 0 || self.0.iter().flatten().any(|r| r.1 == start && is_between(r));
        begins && (end == self.0.len() || self.at(end).iter().any(is_between))
    }

    /// Adds what can be read where one more layer of escapes is taken off.
    fn unescape(&mut self) {
        let found: Vec<_> = (0..self.0.len()).map(|start| self.escapes(start)).collect();
        for (readings, found) in self.0.iter_mut().zip(found) {
            for reading in found {
                if !readings.contains(&reading) {
                    readings.push(reading);
                }
            }
        }
    }

    /// The escapes that begin at `start`, by what they stand for.
    fn escapes(&self, start: usize) -> Vec<(char, usize)> {
        let mut found = Vec::new();
        for &(c, next) in self.at(start) {
            match c {
                '\\' => found.extend(self.backslashed(next)),
                '%' => found.extend(self.percent_encoded(next)),
                '&' => found.extend(self.entity(next)),
                // As forms write it.
                '+' => found.push((' ', next)),
                _ => {}
            }
        }
        found
    }

    /// `\n`, `\"`, `\/` and `\u0026` of JSON, and what other languages write: `\x26`, `\u{26}`, `\U00000026`.
    fn backslashed(&self, start: usize) -> Vec<(char, usize)> {
        let mut found = Vec::new();
        for &(c, next) in self.at(start) {
            match c {
                'n' => found.push(('\n', next)),
                'r' => found.push(('\r', next)),
                't' => found.push(('\t', next)),
                'b' => found.push(('\u{8}', next)),
                'f' => found.push(('\u{c}', next)),
                'x' => found.extend(characters(self.digits(next, 16, 2..=2))),
                'U' => found.extend(characters(self.digits(next, 16, 8..=8))),
                'u' => {
                    found.extend(self.utf16(next));
                    for inside in self.after(&[next], |c| c == '{') {
                        found.extend(characters(self.closed(self.digits(inside, 16, 1..=6), '}')));
                    }
                }
                c if !c.is_alphanumeric() => found.push((c, next)),
                _ => {}
            }
        }
        found
    }

    /// What is behind `\u`: the digits of a character, or of the first half of one before another `\u`.
    fn utf16(&self, start: usize) -> Vec<(char, usize)> {
        let units = self.digits(start, 16, 4..=4);
        let pairs = units.iter().filter(|(unit, _)| (0xD800..0xDC00).contains(unit));
        let pairs = pairs.flat_map(|&(high, end)| {
            let second = self.after(&self.after(&[end], |c| c == '\\'), |c| c == 'u');
            let lows = second.into_iter().flat_map(|start| self.digits(start, 16, 4..=4));
            let lows = lows.filter(|(unit, _)| (0xDC00..0xE000).contains(unit));
            lows.map(move |(low, end)| (0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00), end))
        });
        let pairs: Vec<_> = pairs.collect();
        characters(units.into_iter().chain(pairs))
    }

    /// What is behind `%`: `2F`, `C3%A9`, or `u002F` as some servers write it.
    fn percent_encoded(&self, start: usize) -> Vec<(char, usize)> {
        let mut found: Vec<_> = self
            .after(&[start], |c| c == 'u')
            .into_iter()
            .flat_map(|start| characters(self.digits(start, 16, 4..=4)))
            .collect();
        let mut begun: Vec<_> = self.octets(start).map(|(octet, end)| (vec![octet], end)).collect();
        while let Some((octets, end)) = begun.pop() {
            match std::str::from_utf8(&octets) {
                Ok(text) => found.extend(text.chars().map(|c| (c, end))),
                Err(error) if error.error_len().is_none() => {
                    let next = self.after(&[end], |c| c == '%').into_iter();
                    begun.extend(
                        next.flat_map(|start| self.octets(start))
                            .map(|(octet, end)| ([octets.as_slice(), &[octet]].concat(), end)),
                    );
                }
                Err(_) => {}
            }
        }
        found
    }

    /// What is behind `&`: `amp;`, `#38;` or `#x26;`.
    fn entity(&self, start: usize) -> Vec<(char, usize)> {
        let mut found = Vec::new();
        for number in self.after(&[start], |c| c == '#') {
            let decimal = self.digits(number, 10, 1..=7).into_iter();
            let hexadecimal = self.after(&[number], |c| matches!(c, 'x' | 'X')).into_iter();
            let hexadecimal = hexadecimal.flat_map(|start| self.digits(start, 16, 1..=6));
            let numbers: Vec<_> = decimal.chain(hexadecimal).collect();
            found.extend(characters(self.closed(numbers, ';')));
        }
        for (name, c) in ENTITIES {
            let spelt =
                name.chars().fold(vec![start], |ends, c| self.after(&ends, |read| read == c));
            found.extend(self.after(&spelt, |c| c == ';').into_iter().map(|end| (c, end)));
        }
        found
    }

    /// The octets of two digits each that can be read.
    fn octets(&self, start: usize) -> impl Iterator<Item = (u8, usize)> {
        let octets = self.digits(start, 16, 2..=2).into_iter();
        octets.filter_map(|(value, end)| Some((u8::try_from(value).ok()?, end)))
    }

    /// The numbers of so many digits that can be read.
    fn digits(&self, start: usize, radix: u32, count: RangeInclusive<usize>) -> Vec<(u32, usize)> {
        let (mut numbers, mut found) = (vec![(0_u32, start)], Vec::new());
        for read in 1..=*count.end() {
            let longer = numbers.iter().flat_map(|&(number, end)| {
                self.at(end).iter().filter_map(move |&(c, end)| {
                    Some((number.checked_mul(radix)? + c.to_digit(radix)?, end))
                })
            });
            numbers = longer.collect();
            numbers.sort_unstable();
            numbers.dedup();
            if count.contains(&read) {
                found.extend(&numbers);
            }
        }
        found
    }

    /// Those of `numbers` that `mark` ends.
    fn closed(&self, numbers: Vec<(u32, usize)>, mark: char) -> Vec<(u32, usize)> {
        let closed = numbers.into_iter().flat_map(|(number, end)| {
            self.after(&[end], |c| c == mark).into_iter().map(move |end| (number, end))
        });
        closed.collect()
    }

    /// Where a character that `fits` can end that begins at one of `starts`.
    fn after(&self, starts: &[usize], fits: impl Fn(char) -> bool) -> Vec<usize> {
        let readings = starts.iter().flat_map(|start| self.at(*start));
        let mut ends: Vec<_> = readings.filter(|(c, _)| fits(*c)).map(|(_, end)| *end).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    fn at(&self, start: usize) -> &[(char, usize)] {
        self.0.get(start).map_or(&[], Vec::as_slice)
    }
}

/// The numbers that are those of characters.
fn characters(numbers: impl IntoIterator<Item = (u32, usize)>) -> Vec<(char, usize)> {
    numbers.into_iter().filter_map(|(number, end)| Some((char::from_u32(number)?, end))).collect()
}

/// Names that HTML has for characters of ASCII
/// (<https://html.spec.whatwg.org/multipage/named-characters.html>), and for the space that does not break.
const ENTITIES: [(&str, char); 42] = [
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("nbsp", ' '),
    ("excl", '!'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("amp", '&'),
    ("AMP", '&'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("lt", '<'),
    ("LT", '<'),
    ("equals", '='),
    ("gt", '>'),
    ("GT", '>'),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the whole of `text` can be read as `wanted`.
    fn reads_as(text: &str, wanted: &str) -> bool {
        let (count, end) = Readings::of(text).longest(0, wanted);
        count == wanted.chars().count() && end == text.len()
    }

    #[test]
    fn a_text_is_read_as_it_stands_and_as_what_its_escapes_mean() {
        for (text, wanted) in [
            ("a/b", "a/b"),
            (r"a\/b", "a/b"),
            (r"a\/b", r"a\/b"),
            (r#"a\"b\\c"#, r#"a"b\c"#),
            (r"a\u0026b\u002Fc", "a&b/c"),
            (r"\ud83d\ude00", "😀"),
            (r"\x2f\u{1f600}\U0001F600", "/😀😀"),
            ("a%2Fb%c3%a9%F0%9F%98%80", "a/bé😀"),
            ("a+b%u002f", "a b/"),
            ("a&amp;b&#38;c&#x2f;d&#X2F;e&sol;f", "a&b&c/d/e/f"),
            // Twice and three times over.
            ("a%252Fb", "a/b"),
            (r"a\\\/b\\u0026", "a/b&"),
            ("&amp;quot;&amp;#x2F;", "\"/"),
            (r"\\\\\\\/ \u0026quot\u003B", "/ \""),
            ("%26amp%3B%5Cu0022", "&\""),
        ] {
            assert!(reads_as(text, wanted), "{text} as {wanted}");
        }
    }

    #[test]
    fn what_is_no_escape_is_nothing_but_itself() {
        for text in [
            r"\u00", r"\", "%", "%2", "%zz", "%ff", "&", "&;", "&#;", "&#x;", "&shy", r"\ud800",
            r"\u{}",
        ] {
            assert!(reads_as(text, text), "{text}");
            let readings = Readings::of(text);
            assert!(readings.0.iter().all(|read| read.len() <= 1), "{text}: {:?}", readings.0);
        }
    }
}
