//! Decodes the percent-encoding of paths and query strings, once and strictly.

/// The text is no UTF-8 once it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL is percent-encoded from something that is not UTF-8")]
pub struct NotUtf8;

/// Decodes `%XX`; what is no such sequence stays as it is.
pub fn decode(text: &str) -> Result<String, NotUtf8> {
    decode_bytes(text.bytes())
}

/// The name and value pairs of a query string. Clients write a space as `%20` and as `+`; `%2B` is a plus sign.
pub fn query_pairs(query: &str) -> Result<Vec<(String, String)>, NotUtf8> {
    let decode = |text: &str| decode_bytes(text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }));
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode_bytes(encoded: impl Iterator<Item = u8>) -> Result<String, NotUtf8> {
    let mut decoded = Vec::with_capacity(encoded.size_hint().0);
    // How many of the last bytes are a `%` and a digit that may still become one byte.
    let mut open = 0;
    for byte in encoded {
        decoded.push(byte);
        open = match (open, byte) {
            (_, b'%') => 1,
            (1, digit) if digit.is_ascii_hexdigit() => 2,
            (2, digit) if digit.is_ascii_hexdigit() => {
                let low = decoded.pop().and_then(hexadecimal);
                let high = decoded.pop().and_then(hexadecimal);
                decoded.pop();
                decoded.extend(high.zip(low).map(|(high, low)| high << 4 | low));
                0
            }
            _ => 0,
        };
    }
    String::from_utf8(decoded).map_err(|_| NotUtf8)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    ///
    #[test]
    fn plus_and_percent_20_are_spaces_in_a_query_and_nowhere_else() {
        let pairs = query_pairs("filter=userName%20eq+%22a%2Bb%22&count=&x&&y=1=2").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("filter", "userName eq \"a+b\""), pair("count", ""), pair("x", ""), pair("y", "1=2")]);
        assert_eq!(decode("a+b%20c").unwrap(), "a+b c");
    }

    #[test]
    fn what_was_encoded_twice_is_decoded_once() {
        assert_eq!(decode("%2541").unwrap(), "%41");
        assert_eq!(decode("%25%34%31").unwrap(), "%41");
        assert_eq!(decode("100%").unwrap(), "100%");
        assert_eq!(decode("%4").unwrap(), "%4");
        assert_eq!(decode("%%41%zz").unwrap(), "%A%zz");
        assert_eq!(decode("%C3%A9").unwrap(), "é");
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_refused() {
        assert_eq!(decode("%ff"), Err(NotUtf8));
        assert_eq!(query_pairs("a=%C3"), Err(NotUtf8));
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(text in any::<String>()) {
            let encoded = text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            prop_assert_eq!(decode(&encoded).unwrap(), text);
        }

        #[test]
        fn no_query_panics(query in "\\PC{0,60}") {
            let _ = query_pairs(&query);
        }
    }
}
