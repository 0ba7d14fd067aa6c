//! Filters that templates have beside those of the language.

use minijinja::Environment;

use crate::notify::reason::head;

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("clip", |text: String, max_chars: usize| clip(&text, max_chars));
    environment.add_filter("mrkdwn", |text: String| mrkdwn(&text));
    environment.add_filter("one_line", |text: String| head(&text, usize::MAX));
}

/// The beginning of a text, at most so long, with a `…` where it was cut. Characters count as in UTF-16: a receiver may
/// count so, and none counts more.
fn clip(text: &str, max_chars: usize) -> String {
    if text.encode_utf16().count() <= max_chars {
        return text.to_owned();
    }
    let mut room = max_chars.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or_default();
        left.is_some()
    };
    let mut beginning: String = text.chars().take_while(fits).collect();
    beginning.push('…');
    beginning
}

/// The text for Slack's markup, in which three characters must be written otherwise
/// (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
fn mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_clipped_between_characters_to_the_length_that_is_asked_for() {
        assert_eq!(clip("äöü", 3), "äöü");
        assert_eq!(clip("äöüß", 3), "äö…");
        assert_eq!(clip("äöüß", 0), "…");
        assert_eq!((clip("😀😀", 4), clip("😀😀a", 4)), ("😀😀".to_owned(), "😀…".to_owned()));
    }

    #[test]
    fn slacks_markup_cannot_be_written_by_an_event() {
        assert_eq!(mrkdwn("<!channel> & <a|b>"), "&lt;!channel&gt; &amp; &lt;a|b&gt;");
    }
}
