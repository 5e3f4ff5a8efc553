//! Fuzzes cursors: only what the server sealed opens. Whatever opens is read without harm, whatever it contains.
#![no_main]

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta};
use libfuzzer_sys::fuzz_target;
use rollbook::crypto::seal::{Keys, Place};
use rollbook_fuzz::check_refusal;
use rollbook_scim::cursor::Cursor;

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    Keys::parse("8f0e2d4c6b8a79685746352413021f0e".repeat(2).into()).expect("32 bytes in hexadecimal")
});
const PLACE: Place<'_> = Place { table: "scim cursor", column: "/Users", row: "a walk" };

fuzz_target!(|bytes: &[u8]| {
    assert!(KEYS.open(PLACE, bytes).is_err(), "nobody makes one up");
    let sealed = KEYS.seal(PLACE, bytes);
    assert_eq!(KEYS.open(PLACE, &sealed).expect("it was sealed for this place").as_slice(), bytes);
    // The input also states where it is tampered with.
    let at = bytes.first().map_or(0, |byte| usize::from(*byte) % sealed.len());
    let mut tampered = sealed;
    tampered[at] ^= 1;
    assert!(KEYS.open(PLACE, &tampered).is_err(), "tampered with at byte {at}");

    let Some(cursor) = Cursor::from_bytes(bytes) else { return };
    assert_eq!(Cursor::from_bytes(&cursor.to_bytes()).as_ref(), Some(&cursor));
    let noon = DateTime::from_timestamp_millis(1_795_176_000_000).expect("an instant of 2026");
    for now in [noon, cursor.issued_at, DateTime::UNIX_EPOCH + TimeDelta::days(1), DateTime::<chrono::Utc>::MAX_UTC] {
        for count in [cursor.count, 100] {
            if let Err(error) = cursor.check(count, now) {
                check_refusal(&error);
            }
        }
    }
});
