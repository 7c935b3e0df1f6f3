//! The raw query string, read in place: `application/x-www-form-urlencoded` as the URL standard parses it, without
//! allocating. Nothing here fails: a broken escape stands for itself and then simply matches no secret.

/// The raw values of every parameter whose decoded name is `name`; a parameter without `=` has an empty value.
pub(super) fn values<'q>(query: &'q str, name: &str) -> impl Iterator<Item = &'q str> {
    query.split('&').filter(|pair| !pair.is_empty()).filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(key).eq(name.bytes()).then_some(value)
    })
}

/// The bytes that an encoded text stands for.
pub(super) fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, tail) = rest.split_first()?;
        if first == b'%'
            && let [high, low, ..] = tail
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            rest = &tail[2..];
            return Some(high << 4 | low);
        }
        rest = tail;
        Some(if first == b'+' { b' ' } else { first })
    })
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = "a=1&se%63ret=x%20y+z&b&secret";
        let found: Vec<Vec<u8>> = values(query, "secret").map(|value| decoded(value).collect()).collect();
        assert_eq!(found, [b"x y z".to_vec(), Vec::new()]);
        assert_eq!(decoded("%zz%4").collect::<Vec<_>>(), b"%zz%4");
    }

    proptest! {
        #[test]
        fn decodes_as_the_url_standard_does(query in "[a-c%+=&0-9é\u{0}]{0,24}") {
            let expected: Vec<Vec<u8>> = url::form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| name == "a")
                .map(|(_, value)| value.into_owned().into_bytes())
                .collect();
            let found: Vec<Vec<u8>> = values(&query, "a").map(|value| decoded(value).collect()).collect();
            let lossy: Vec<Vec<u8>> =
                found.iter().map(|value| String::from_utf8_lossy(value).into_owned().into_bytes()).collect();
            prop_assert_eq!(lossy, expected);
        }
    }
}
