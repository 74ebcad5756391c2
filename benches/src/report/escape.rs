//! Text among tags.

/// The text, so that nothing in it is taken for a tag or the end of an attribute.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_a_tag() {
        assert_eq!(escaped("<a b='1'>&\"</a>"), "&lt;a b=&#39;1&#39;&gt;&amp;&quot;&lt;/a&gt;");
    }
}
