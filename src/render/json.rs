//! Writes JSON text member by member in a fixed order. Members without a value are never written (R-031).

/// An object that is being written. Nothing is allocated besides the output.
pub(super) struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    /// Opens an object at the end of `out`.
    pub(super) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    /// All that is in the output.
    pub(super) fn written(&self) -> &str {
        self.out
    }

    pub(super) fn end(self) {
        self.out.push('}');
    }

    fn name(&mut self, name: &str) {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        quote(name, self.out);
        self.out.push(':');
    }

    /// A text member; left out when there is no text in it.
    pub(super) fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            self.name(name);
            quote(value, self.out);
        }
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// A member whose value `write` appends as JSON.
    pub(super) fn raw(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        self.name(name);
        write(self.out);
    }

    /// An object member; left out when `fill` puts nothing into it.
    pub(super) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let (length, was_empty) = (self.out.len(), self.is_empty);
        self.name(name);
        let mut object = Object::begin(self.out);
        fill(&mut object);
        if object.is_empty {
            self.out.truncate(length);
            self.is_empty = was_empty;
        } else {
            object.end();
        }
    }

    /// Marks a slot. What fills it begins with its own comma, so a slot may not be the first in an object.
    pub(super) fn slot(&mut self, slot: char) {
        debug_assert!(!self.is_empty, "a slot follows a member");
        self.out.push(slot);
    }
}

/// Appends `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}

/// Which bytes must be escaped in a JSON string.
const IS_ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escaped[byte] = true;
        byte += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};

/// Appends `text` in the form that it has between the quotes of a JSON string.
pub(super) fn escape(text: &str, out: &mut String) {
    let mut done = 0;
    while let Some(next) = text.as_bytes()[done..].iter().position(|byte| IS_ESCAPED[usize::from(*byte)]) {
        let at = done + next;
        let byte = text.as_bytes()[at];
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            _ => "",
        };
        out.push_str(&text[done..at]);
        if short.is_empty() {
            out.push_str("\\u00");
            out.push(if byte < 0x10 { '0' } else { '1' });
            out.push(char::from_digit(u32::from(byte & 0xf), 16).expect("four bits are a hexadecimal digit"));
        } else {
            out.push_str(short);
        }
        done = at + 1;
    }
    out.push_str(&text[done..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_and_objects_without_a_value_are_not_written() {
        let mut out = String::new();
        let mut object = Object::begin(&mut out);
        object.text("none", None);
        object.text("blank", Some(" "));
        object.object("empty", |inner| inner.text("a", None));
        object.flag("is", true);
        object.object("full", |inner| inner.text("a", Some("b")));
        object.end();
        assert_eq!(out, r#"{"is":true,"full":{"a":"b"}}"#);
    }

    proptest! {
        #[test]
        fn a_quoted_text_reads_back_and_holds_no_raw_control_character(text in any::<String>()) {
            let mut out = String::new();
            quote(&text, &mut out);
            prop_assert!(out.bytes().all(|byte| byte >= 0x20));
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
