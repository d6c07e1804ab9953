//! The restricted unpickler against what Python writes and what an attacker might.

use std::path::Path;

use super::entry::Entry;
use super::pickle;
use crate::error::Result;
use crate::import::ragged::Ragged;

fn read(bytes: &[u8]) -> Result<Ragged> {
    pickle::read(&mut Entry::new(bytes, Path::new("a.npz"), "x.npy", 1 << 30))
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

/// `pickle.dumps` of the object array `[[1, 300, 70000], [], [5]]`.
#[rustfmt::skip]
const SAMPLES: [(&str, &[u8]); 6] = [
        ("protocol 2", b"\x80\x02cnumpy._core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02\
          c_codecs\nencode\nq\x03X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\
          \x07\x87q\x08Rq\x09(K\x01K\x03\x85q\ncnumpy\ndtype\nq\x0bX\x02\x00\x00\x00O8q\x0c\x89\
          \x88\x87q\x0dRq\x0e(K\x03X\x01\x00\x00\x00|q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\
          q\x10b\x89]q\x11(]q\x12(K\x01M,\x01Jp\x11\x01\x00e]q\x13]q\x14K\x05aetq\x15b."),
        ("protocol 2, NumPy 1", b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02c\
          _codecs\nencode\nq\x03X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07\
          \x87q\x08Rq\x09(K\x01K\x03\x85q\ncnumpy\ndtype\nq\x0bX\x02\x00\x00\x00O8q\x0c\x89\x88\
          \x87q\x0dRq\x0e(K\x03X\x01\x00\x00\x00|q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tq\
          \x10b\x89]q\x11(]q\x12(K\x01M,\x01Jp\x11\x01\x00e]q\x13]q\x14K\x05aetq\x15b."),
        ("protocol 2, Python 2", b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\
          \x87Rq\x03(K\x01K\x03\x85cnumpy\ndtype\nq\x04U\x02O8K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\
          \xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]q\x06(]q\x07(K\x01M,\x01Jp\x11\x01\x00e]q\x08]\
          q\x09K\x05aetb."),
        ("protocol 3", b"\x80\x03cnumpy._core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02\
          C\x01bq\x03\x87q\x04Rq\x05(K\x01K\x03\x85q\x06cnumpy\ndtype\nq\x07X\x02\x00\x00\x00O8q\
          \x08\x89\x88\x87q\x09Rq\n(K\x03X\x01\x00\x00\x00|q\x0bNNNJ\xff\xff\xff\xffJ\xff\xff\xff\
          \xffK?tq\x0cb\x89]q\x0d(]q\x0e(K\x01M,\x01Jp\x11\x01\x00e]q\x0f]q\x10K\x05aetq\x11b."),
        ("protocol 4", b"\x80\x04\x95\x9f\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c\x0c_r\
          econstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\
          \x94\x87\x94R\x94(K\x01K\x03\x85\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02O8\x94\x89\x88\
          \x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\x94b\x89]\x94(]\
          \x94(K\x01M,\x01Jp\x11\x01\x00e]\x94]\x94K\x05aet\x94b."),
        ("protocol 5", b"\x80\x05\x95\x9f\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c\x0c_r\
          econstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\
          \x94\x87\x94R\x94(K\x01K\x03\x85\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02O8\x94\x89\x88\
          \x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\x94b\x89]\x94(]\
          \x94(K\x01M,\x01Jp\x11\x01\x00e]\x94]\x94K\x05aet\x94b."),
];

/// What stands before the outer list in the pickle of an array of `rows` rows.
fn start(rows: u32) -> Vec<u8> {
    let mut bytes = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01J".to_vec();
    bytes.extend(rows.to_le_bytes());
    bytes.extend(b"\x85cnumpy\ndtype\nU\x02O8\x89\x88\x87R\x89");
    bytes
}

fn array(rows: u32, lists: &[u8]) -> Vec<u8> {
    [start(rows).as_slice(), lists, b"tb."].concat()
}

#[test]
fn reads_all_protocols() {
    for (name, bytes) in SAMPLES {
        let rows = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rows.len(), 3, "{name}");
        assert_eq!(rows.row(0), [1, 300, 70000], "{name}");
        assert_eq!(rows.row(1), [0; 0], "{name}");
        assert_eq!(rows.row(2), [5], "{name}");
    }
    assert_eq!(read(&array(0, b"]")).unwrap().len(), 0);
}

#[test]
fn one_list_named_twice_makes_two_rows() {
    let rows = read(&array(2, b"](]q\x00(K\x07K\x08eh\x00e")).unwrap();
    assert_eq!((rows.row(0), rows.row(1)), ([7, 8].as_slice(), [7, 8].as_slice()));
}

#[test]
fn integers_of_every_width() {
    let rows = read(&array(
        1,
        b"](](K\xffM\xff\xffJ\xff\xff\xff\x7f\x8a\x05\xff\xff\xff\xff\x00\x8a\x00ee",
    ));
    assert_eq!(rows.unwrap().row(0), [255, 65535, 2147483647, u32::MAX, 0]);
}

#[test]
fn runs_nothing_and_names_what_was_asked_for() {
    let error = refusal(b"\x80\x02cos\nsystem\nU\x04true\x85R.");
    assert!(error.contains("x.npy, byte 2: it asks for os.system"), "{error}");
    let error = refusal(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.");
    assert!(error.contains("byte 17: it asks for posix.system"), "{error}");
    let error = refusal(b"\x80\x02cnumpy\nload\n.");
    assert!(error.contains("it asks for numpy.load"), "{error}");
    let error = refusal(b"\x80\x02c\x1b[2J\nx\n.");
    assert!(error.contains(r"\u{1b}[2J.x"), "{error}");
}

#[test]
fn refuses_other_opcodes_by_name() {
    for (bytes, expected) in [
        (b"\x80\x02}.".as_slice(), "byte 2: opcode EMPTY_DICT"),
        (b"\x80\x02K\x01G12345678.", "byte 4: opcode BINFLOAT"),
        (b"\x80\x02)\x81.", "byte 3: opcode NEWOBJ"),
        (b"\x80\x05\x97.", "byte 2: opcode NEXT_BUFFER"),
        (b"\x80\x02\x80\x02.", "byte 2: opcode PROTO"),
        (b"\x80\x02\xfe.", "byte 2: opcode 0xfe"),
        (b"cos\nsystem\n.", "byte 0: it is no pickle of protocol 2 to 5"),
        (b"\x80\x06.", "byte 0: it is no pickle of protocol 2 to 5"),
    ] {
        let error = refusal(bytes);
        assert!(error.contains(expected), "{error}");
    }
}

/// NumPy's own arrays as rows, and floats.
#[test]
fn says_how_rows_of_another_type_become_lists() {
    for row in [&start(1)[2..], b"](G12345678", b"](\x88e"] {
        let error = refusal(&array(1, &[b"](", row].concat()));
        assert!(error.ends_with("; make each row a list of integers (row.tolist()) in an object array before numpy.savez"), "{error}");
    }
}

/// Lists of numbers that NumPy made, by the names of both its versions.
#[test]
fn says_how_numbers_of_numpy_become_integers() {
    for module in ["numpy.core", "numpy._core"] {
        let number = format!("](](c{module}.multiarray\nscalar\n");
        let error = refusal(&array(1, number.as_bytes()));
        assert!(error.contains("a number of NumPy's, where an array of lists has"), "{error}");
        assert!(error.contains("([int(rank) for rank in row]) before numpy.savez"), "{error}");
    }
}

#[test]
fn refuses_programs_that_make_something_else() {
    for (lists, expected) in [
        (b"](](K\x01\x88ee".as_slice(), "a list holds a boolean"),
        (b"](](U\x01aee", "a list holds a string"),
        (b"](](J\xff\xff\xff\xffee", "-1 cannot be a word's rank"),
        (b"](K\x01K\x02e", "the array does not hold the lists"),
        (b"](](]ee", "nested otherwise"),
        (b"]q\x00(h\x00e", "nested otherwise"),
        (b"](]q\x00]h\x00(K\x01ee", "an integer outside the innermost list"),
        (b"](]]e", "the array's shape is not (2,)"),
        (b"h\x07", "there is no memo entry 7"),
        (b"]r\x00\x00\x00\x80", "memo entry 2147483648 follows entry 0"),
        (b"](](\x8a\x02\xfe\xffee", "-2 cannot be a word's rank"),
        (b"\x8a\xff", "an integer of 255 bytes"),
    ] {
        let error = refusal(&array(1, lists));
        assert!(error.contains(expected), "{expected}: {error}");
    }
    for (bytes, expected) in [
        (b"\x80\x02.".as_slice(), "the pickle ends without an array"),
        (b"\x80\x02R", "too few values"),
        (b"\x80\x02K\x01\x87.", "too few values"),
        (b"\x80\x02a", "no list to append to"),
        (b"\x80\x02e", "no mark to go back to"),
        (b"\x80\x02K\x01)R", "it calls an integer"),
        (b"\x80\x02K\x01K\x01(\x86t.", "no mark to go back to"),
        (b"\x80\x02cnumpy\ndtype\nU\x02i8\x85R.", "does not make an object array"),
        (b"\x80\x02cnumpy\nndarray\n)R.", "does not make an object array"),
    ] {
        let error = refusal(bytes);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// Programs that would take memory or time out of proportion end at a limit.
#[test]
fn greedy_programs_are_stopped() {
    let million = 1 << 20;
    for (bytes, expected) in [
        (b"N".repeat(million), "values on the pickle's stack"),
        (b"(".repeat(million), "open marks"),
        (b")\x85".repeat(million), "a tuple, where"),
        ([b")".as_slice(), &b"\x85".repeat(million)].concat(), "a tuple, where"),
        (b"U\x00".repeat(million), "a string, where"),
        (b"X\xff\xff\xff\xff".to_vec(), "a string, where"),
        ([b"c".as_slice(), &b"a".repeat(million)].concat(), "a name without end"),
        (
            [b"]".as_slice(), &b"q\x00h\x00".repeat(million)].concat(),
            "values on the pickle's stack",
        ),
    ] {
        let error = refusal(&[b"\x80\x02".as_slice(), &bytes].concat());
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // 1,000 times the same list of 1,000 words.
    let lists =
        [b"](]q\x00(".as_slice(), &b"K\x01".repeat(1000), b"e", &b"h\x00".repeat(999), b"e"];
    let error = refusal(&array(1000, &lists.concat()));
    assert!(error.contains("the same lists are repeated"), "{error}");
    let error = refusal(&[b"\x80\x02]".as_slice(), &b"\x94".repeat((1 << 24) + 1)].concat());
    assert!(error.contains("memo entry 16777216"), "{error}");
}

#[test]
fn every_cut_is_an_error_and_no_flipped_bit_a_panic() {
    for (name, bytes) in SAMPLES {
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{name} cut to {length} bytes");
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Some flips only change a number.
            drop(read(&flipped));
        }
    }
}
