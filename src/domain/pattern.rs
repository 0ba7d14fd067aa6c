//! Names with wildcards.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use wildmatch::WildMatch;

/// Names of workflows, as the configuration writes them: `*` stands for any characters, `?` for one.
#[derive(Debug, Clone)]
pub struct NamePattern {
    text: String,
    matcher: WildMatch,
}

impl NamePattern {
    /// The pattern that `text` writes. Every text is one; without a wildcard it is a name.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let matcher = WildMatch::new(&text);
        Self { text, matcher }
    }

    /// Whether the whole of `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.matches(name)
    }

    /// Whether some name fits both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (ours, theirs): (Vec<char>, Vec<char>) =
            (self.text.chars().collect(), other.text.chars().collect());
        // Whether the rest of `ours` from the character in hand, and the rest of `theirs` from each of its own,
        // overlap; filled from the ends.
        let mut below: Vec<bool> = vec![false; theirs.len() + 1];
        for at in (0..=ours.len()).rev() {
            let one = ours.get(at);
            let mut row = vec![false; theirs.len() + 1];
            for of_theirs in (0..=theirs.len()).rev() {
                let other = theirs.get(of_theirs);
                row[of_theirs] = match (one, other) {
                    (None, None) => true,
                    // A star is nothing, or the other's next character and a star again.
                    (Some('*'), _) => below[of_theirs] || other.is_some() && row[of_theirs + 1],
                    (_, Some('*')) => row[of_theirs + 1] || one.is_some() && below[of_theirs],
                    (Some(one), Some(other)) => {
                        (*one == '?' || *other == '?' || one == other) && below[of_theirs + 1]
                    }
                    (None, Some(_)) | (Some(_), None) => false,
                };
            }
            below = row;
        }
        below[0]
    }

    /// The one name that fits, where there is no wildcard.
    pub fn literal(&self) -> Option<&str> {
        (!self.text.contains(['*', '?'])).then_some(&self.text)
    }

    /// Whether every name that fits `other` fits this one, too.
    pub fn covers(&self, other: &Self) -> bool {
        let (own, others): (Vec<_>, Vec<_>) =
            (self.text.chars().collect(), other.text.chars().collect());
        // Which beginnings of the other one are covered by so many letters of this one.
        let mut covered = vec![false; others.len() + 1];
        covered[0] = true;
        for letter in own {
            let mut next = vec![false; others.len() + 1];
            next[0] = covered[0] && letter == '*';
            for (index, &other) in others.iter().enumerate() {
                next[index + 1] = match letter {
                    '*' => covered[index + 1] || next[index],
                    '?' => covered[index] && other != '*',
                    letter => covered[index] && other == letter,
                };
            }
            covered = next;
        }
        covered.last().copied().unwrap_or_default()
    }

    /// The pattern, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for NamePattern {}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for NamePattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::NamePattern;

    #[test]
    fn a_pattern_fits_the_whole_name() {
        let pattern = NamePattern::new("customers-*");
        assert!(pattern.matches("customers-eu") && pattern.matches("customers-"));
        assert!(!pattern.matches("all-customers-eu") && !pattern.matches("customers"));
        assert!(NamePattern::new("v?").matches("v1") && !NamePattern::new("v?").matches("v10"));
    }

    #[test]
    fn a_pattern_covers_another_whose_names_all_fit_it() {
        let covers =
            |one: &str, other: &str| NamePattern::new(one).covers(&NamePattern::new(other));
        for (one, other) in
            [("*", "a*"), ("a*", "ab"), ("a*", "a*b"), ("a?", "ab"), ("**", ""), ("*b", "ab")]
        {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in
            [("a*", "*"), ("a", "a?"), ("a?", "a*"), ("ab", "a?"), ("*b", "a*"), ("", "a")]
        {
            assert!(!covers(one, other), "{one} {other}");
        }
    }

    #[test]
    fn patterns_overlap_where_one_name_fits_both() {
        for (one, other) in [
            ("", ""),
            ("*", ""),
            ("customers", "customers"),
            ("customers-*", "customers-eu"),
            ("customers-*", "*-eu"),
            ("a*c", "ab*"),
            ("a?c", "ab?"),
            ("*b*", "a*"),
        ] {
            let (one, other) = (NamePattern::new(one), NamePattern::new(other));
            assert!(one.overlaps(&other) && other.overlaps(&one), "{one} and {other}");
        }
        for (one, other) in [
            ("", "?"),
            ("customers", "suppliers"),
            ("customers-*", "customers"),
            ("a*", "b*"),
            ("*a", "*b"),
            ("?", "??*"),
        ] {
            let (one, other) = (NamePattern::new(one), NamePattern::new(other));
            assert!(!one.overlaps(&other) && !other.overlaps(&one), "{one} and {other}");
        }
    }

    #[test]
    fn only_a_pattern_without_wildcards_is_one_name() {
        assert_eq!(NamePattern::new("customers").literal(), Some("customers"));
        assert_eq!(NamePattern::new("customers*").literal(), None);
        assert!(!NamePattern::new("customers").matches("Customers"));
    }
}
