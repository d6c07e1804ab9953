//! What the program says about text: the same as about a dataset, as it comes, in every format, whatever the input.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Deref;
use std::process::{Child, Output, Stdio};

use common::{gzipped, repository, team};
use imdb_fast::answer::Judge;
use imdb_fast::container::Access;
use imdb_fast::dataset::{Contents, Dataset, Split, Writer};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding};
use imdb_fast::text::{Rules, Vocabulary};
use serde_json::Value;

/// A folder with the sample dataset, `d.safetensors`, and a model of it, `run/model.safetensors`.
struct Desk(common::desk::Desk);

impl Deref for Desk {
    type Target = common::desk::Desk;

    fn deref(&self) -> &common::desk::Desk {
        &self.0
    }
}

const MODEL: &str = "run/model.safetensors";

impl Desk {
    fn new() -> Desk {
        let desk = Desk(common::desk::Desk::with_sample("300"));
        desk.ok(&["train", "d.safetensors", "--validation", "0", "--epochs", "3", "-q"]);
        desk
    }

    /// The same with a model whose words and reviews are scaled.
    fn scaled() -> Desk {
        let desk = Desk::new();
        let scales = ["--feature-scale", "naive-bayes", "--row-norm", "l2"];
        let train = ["train", "d.safetensors", "--validation", "0", "--epochs", "9", "-q"];
        desk.ok(&[&train[..], &scales].concat());
        desk
    }

    fn probability(&self, text: &str) -> f32 {
        let answer = self.ok(&["predict", MODEL, "--text", text]);
        answer.trim().parse().unwrap()
    }

    /// Runs with some bytes on stdin.
    fn run(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        let mut child = self.piped(arguments);
        let mut input = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // The program may stop before it has read everything.
            scope.spawn(move || drop(input.write_all(stdin)));
            child.wait_with_output().unwrap()
        })
    }

    fn piped(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn ok_with(&self, arguments: &[&str], stdin: &[u8]) -> String {
        let output = self.run(arguments, stdin);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.ok_with(arguments, b"")
    }

    /// Expects an exit code and an error with all of `parts`. Returns what was on stdout.
    fn fails(&self, code: i32, arguments: &[&str], stdin: &[u8], parts: &[&str]) -> String {
        let output = self.run(arguments, stdin);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: no {part:?} in {errors}");
        }
        String::from_utf8(output.stdout).unwrap()
    }

    /// The reviews of the test split as texts: words of the index for those that were cut.
    fn texts(&self) -> Vec<String> {
        let model = Model::load(&self.path(MODEL)).unwrap();
        let vocabulary = model.vocabulary.unwrap();
        let cut = vocabulary.cut_words().next().expect("the index is larger than the vocabulary");
        let texts = (0..200).map(|row| {
            let row = row.to_string();
            let decode = ["decode", "d.safetensors", "--split", "test", "--row", &row];
            let words = self.ok(&decode);
            // Behind the label and the mark of the start.
            let (_, words) = words.trim_end().split_once('\n').unwrap();
            let words = words.split(' ').skip(1);
            words.map(|word| if word == "?" { cut } else { word }).collect::<Vec<_>>().join(" ")
        });
        texts.collect()
    }
}

#[test]
fn text_is_judged_as_the_dataset_is() {
    let desk = Desk::new();
    let expected = desk.ok(&["predict", MODEL, "d.safetensors"]);
    let texts = desk.texts();
    assert_eq!(texts.len(), 200);
    let lines = texts.join("\n");
    for threads in ["1", "3"] {
        let arguments = ["predict", MODEL, "-", "--threads", threads];
        assert_eq!(desk.ok_with(&arguments, lines.as_bytes()), expected);
    }
    // Keras' marks and capitals mean nothing; neither do line ends of other systems and unknown words.
    let dressed: Vec<String> =
        texts.iter().map(|text| text.to_uppercase().replace(' ', ", qwertzuiop <")).collect();
    desk.write("reviews.txt", format!("\u{FEFF}{}\r\n", dressed.join("\r\n")));
    assert_eq!(desk.ok(&["predict", MODEL, "reviews.txt"]), expected);
    let first: Vec<&str> = expected.lines().take(3).collect();
    let arguments: Vec<&str> =
        texts[..3].iter().flat_map(|text| ["--text", text.as_str()]).collect();
    let found = desk.ok(&[&["predict", MODEL][..], &arguments].concat());
    assert_eq!(found.lines().collect::<Vec<_>>(), first);

    let facts = desk.ok(&["inspect", MODEL]);
    assert!(facts.contains(r#"{"tokenizer":"keras","num_words":300,"#), "{facts}");
    assert_eq!(facts.matches("vocabulary.cut").count(), 1);
    assert!(desk.ok(&["inspect", "d.safetensors"]).contains(r#""unknown":"drop""#));
}

#[test]
fn answers_come_in_every_format() {
    let desk = Desk::new();
    let plain = desk.ok(&["predict", MODEL, "--text", "a fine film", "--text", ""]);
    let plain: Vec<&str> = plain.lines().collect();
    let text = ["predict", MODEL, "--text", "a fine film", "--text", ""];
    let csv = desk.ok(&[&text[..], &["--csv"]].concat());
    assert_eq!(csv, format!("review,probability,label\n1,{},\n2,{},\n", plain[0], plain[1]));
    let jsonl = desk.ok(&[&text[..], &["--format", "jsonl"]].concat());
    let expected = format!(
        "{{\"review\":1,\"probability\":{}}}\n{{\"review\":2,\"probability\":{}}}\n",
        plain[0], plain[1]
    );
    assert_eq!(jsonl, expected);

    let rows = desk.ok(&["predict", MODEL, "d.safetensors", "--rows", "3..4", "--jsonl"]);
    let row: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(row["row"], 3);
    assert!(row["label"].is_u64() && row["probability"].is_f64(), "{rows}");
}

#[test]
fn labelled_files_are_read_as_they_lie() {
    let desk = Desk::new();
    let plain = desk.ok(&["predict", MODEL, "--text", "a fine, \"fine\"\nfilm", "--text", "bad"]);
    let [fine, bad] = [0, 1].map(|at| plain.lines().nth(at).unwrap());
    let check = |name: &str, bytes: &str, options: &[&str], expected: &str| {
        desk.write(name, bytes);
        let arguments = [&["predict", MODEL, name, "--csv"][..], options].concat();
        assert_eq!(desk.ok(&arguments), format!("line,probability,label\n{expected}"), "{name}");
    };
    let two = |lines: [u32; 2], labels: [&str; 2]| {
        format!("{},{fine},{}\n{},{bad},{}\n", lines[0], labels[0], lines[1], labels[1])
    };
    let csv =
        "\u{FEFF}id,Review,sentiment\n1,\"a fine, \"\"fine\"\"\nfilm\",positive\n2,bad,negative\n";
    check("a.data", csv, &[], &two([2, 4], ["positive", "negative"]));
    check("b.data", &csv.replace('\n', "\r\n"), &[], &two([2, 4], ["positive", "negative"]));
    let named = ["--input", "csv", "--text-column", "words", "--label-column", "id"];
    check("c.data", &csv.replace("Review", "words"), &named, &two([2, 4], ["1", "2"]));
    let tsv = "label\ttext\n1\ta fine \"fine\" film\n0\tbad\n";
    check("d.data", tsv, &[], &two([2, 3], ["1", "0"]));
    let json = "{\"text\": \"a fine \\\"fine\\\"\\nfilm\", \"label\": 1}\n\n{\"label\": \"neg\", \"text\": \"bad\"}";
    check("e.data", json, &[], &two([1, 3], ["1", "neg"]));
    let fasttext = "__label__2 __label__x a fine fine film\n__label__1 bad\n";
    check("f.data", fasttext, &[], &two([1, 2], ["2", "1"]));
    check("g.data", "a fine, fine film\nbad", &[], &two([1, 2], ["", ""]));
    let labelled = "{\"text\":\"a fine fine __label__qwertzuiop film\"}\n{\"text\":\"bad\"}\n";
    check("aa.data", labelled, &[], &two([1, 2], ["", ""]));
    let named = ["--text-column", "Opinion", "--label-column", "id"];
    let csv_of = |name: &str| csv.replace("Review", name);
    check("i.data", &csv_of("opinion"), &named, &two([2, 4], ["1", "2"]));
    check("j.data", &csv_of("\"opinion\""), &named, &two([2, 4], ["1", "2"]));
    let other =
        "{ \"Text\": \"a fine fine film\", \"LABEL\": 1 }\n{\"text\": \"bad\", \"label\": 2}\n";
    check("k.data", other, &[], &two([1, 2], ["1", "2"]));
    // The very name comes before one that differs in case, whether it was asked for or not.
    let named = ["--text-column", "text", "--label-column", "label"];
    let twice = "Label,Text,text,label\nx,none,a fine fine film,1\nx,none,bad,2\n";
    let object = "{\"Label\":0,\"Text\":\"none\",\"text\":\"a fine fine film\",\"label\":1}\n\
                  {\"Label\":0,\"Text\":\"none\",\"text\":\"bad\",\"label\":2}\n";
    for options in [&[][..], &named] {
        check("m.data", twice, options, &two([2, 3], ["1", "2"]));
        check("n.data", object, options, &two([1, 2], ["1", "2"]));
    }
    // As it is with `import`, a later object may be without a label.
    let some = "{\"text\":\"a fine fine film\",\"x\":1}\n{\"text\":\"bad\"}\n";
    check("o.data", some, &["--label-column", "x"], &two([1, 2], ["1", ""]));
    // What a file of an import may hold, too: a table of one column, of other columns, with semicolons, without a header.
    check("q.data", "text\na fine fine film\nbad\n", &[], &two([2, 3], ["", ""]));
    check("r.data", "\"Review\"\r\n\"a fine, fine\nfilm\"\r\nbad\r\n", &[], &two([2, 4], ["", ""]));
    let named = ["--text-column", "tweet"];
    check("s.data", "tweet\na fine fine film\nbad\n", &named, &two([2, 3], ["", ""]));
    check(
        "t.data",
        "id,tweet,class\n1,a fine fine film,x\n\n2,bad,y\n",
        &named,
        &two([2, 4], ["x", "y"]),
    );
    // Blanks behind the commas are none of the names, as of an import, where both are usual or one was asked for.
    for (header, options) in [("label, text", &[][..]), ("class, tweet", &named[..])] {
        let blanks = format!("{header}\nx,a fine fine film\ny,bad\n");
        check("ab.data", &blanks, options, &two([2, 3], ["x", "y"]));
    }
    let more = "id, text, label\n1,a fine fine film,x\n2,bad,y\n";
    check("ac.data", more, &[], &two([2, 3], ["x", "y"]));
    let semicolons = "text;label\na fine, fine film;x\nbad;y\n";
    check("u.data", semicolons, &[], &two([2, 3], ["x", "y"]));
    let bare = ["--no-header", "--text-column", "2", "--label-column", "1"];
    check("v.data", "x,a fine fine film\ny,bad\n", &bare, &two([1, 2], ["x", "y"]));
    let quoted = ["--quoting", "on"];
    check(
        "w.data",
        "text\tlabel\n\"a fine\nfine film\"\tx\nbad\ty\n",
        &quoted,
        &two([2, 4], ["x", "y"]),
    );
    check(
        "x.data",
        "\n a fine __label__x fine film\nbad __label__y",
        &["--input", "fasttext"],
        &two([2, 3], ["x", "y"]),
    );
    let late = "{\"text\":\"a fine fine film\"}\n{\"TEXT\":\"bad\",\"Label\":[1]}\n";
    check("y.data", late, &[], &two([1, 2], ["", "[1]"]));
    // Nothing at all, as of stdin.
    check("z.data", "", &[], "");
    // Numbers and brackets in prose, and what looks like data but was said to be lines.
    for (prose, options) in [
        ("2001\nA film: fine\n", &[][..]),
        ("10 of 10: fine\n[it is] bad\n", &[]),
        ("[Spoilers] fine\n[ 1, 2, 3 ]\n", &[]),
        ("1 3:1 5:1\n0 2:1\n", &["--input", "lines"]),
        ("[{\"text\": \"fine\"},\n{\"text\": \"bad\"}]\n", &["--input", "lines"]),
    ] {
        desk.write("p.data", prose);
        let answers = desk.ok(&[&["predict", MODEL, "p.data"][..], options].concat());
        assert_eq!(answers.lines().count(), 2, "{prose}");
    }
    // Commas without blanks behind them, and semicolons, in prose.
    for prose in ["Great,loved it!\nBad,bad\n", "fine,really\nbad\n", "good; so good\nbad;worse\n"]
    {
        desk.write("p.data", prose);
        assert_eq!(desk.ok(&["predict", MODEL, "p.data"]).lines().count(), 2, "{prose}");
    }
    // Words of a review, not the names of columns.
    let content = "a fine, text, content, fine film\n";
    desk.write("l.data", content);
    assert_eq!(desk.ok(&["predict", MODEL, "l.data"]).lines().count(), 1);
    check("h.data", "a fine, fine film\r\nbad\r\n", &["--input", "lines"], &two([1, 2], ["", ""]));

    for (content, lines) in [(csv, [2, 4]), (json, [1, 3])] {
        let labels = if content == csv { ["positive", "negative"] } else { ["1", "neg"] };
        desk.write("packed.data", gzipped(content.as_bytes()));
        let answers = desk.ok(&["predict", MODEL, "packed.data", "--csv"]);
        assert_eq!(answers, format!("line,probability,label\n{}", two(lines, labels)));
    }

    let csv_of_stdin = ["predict", MODEL, "-", "--input", "csv"];
    for stdin in [csv.as_bytes(), &gzipped(csv.as_bytes())] {
        assert_eq!(desk.ok_with(&csv_of_stdin, stdin), plain);
    }
}

#[test]
fn empty_and_endless_reviews_are_judged() {
    let desk = Desk::new();
    let empty = desk.ok(&["predict", MODEL, "--text", ""]);
    assert_eq!(desk.ok(&["predict", MODEL, "--text", "--qwertzuiop"]), empty);
    // Nothing that the model knows is nothing, too.
    assert_eq!(desk.ok(&["predict", MODEL, "--text", "qwertzuiop <>"]), empty);
    assert_eq!(desk.ok_with(&["predict", MODEL, "-"], b"\n\n"), empty.repeat(2));
    assert_eq!(desk.ok_with(&["predict", MODEL, "-"], b""), "");
    // Far longer than any review, but no longer than a line may be.
    let fine = desk.ok(&["predict", MODEL, "--text", "a fine film"]);
    let long = "a fine film ".repeat((16 << 20) / 12);
    assert_eq!(desk.ok_with(&["predict", MODEL, "-"], long.as_bytes()), fine);
    // Where it ends is no part of it.
    for line_break in ["\n", "\r\n"] {
        let line = format!("a fine film{line_break}");
        let limited = |most| ["predict", MODEL, "-", "--max-text", most];
        assert_eq!(desk.ok_with(&limited("11"), line.as_bytes()), fine);
        desk.fails(1, &limited("10"), line.as_bytes(), &["line 1", "longer than 10 bytes"]);
    }
    let longer = format!("x\n{long}{long}");
    let parts = ["stdin", "line 2", "longer than 16777216 bytes"];
    let before = desk.fails(1, &["predict", MODEL, "-"], longer.as_bytes(), &parts);
    assert_eq!(before, empty);
}

#[test]
fn bytes_that_are_no_text_stop_or_go_as_asked() {
    let desk = Desk::new();
    let bytes = b"a fine film\nbad \xff film\na fine film\n";
    let parts = ["stdin: line 2: byte 4 of the text, 0xff, is not UTF-8", "--invalid-utf8 replace"];
    let answers = desk.fails(1, &["predict", MODEL, "-"], bytes, &parts);
    assert_eq!(answers.lines().count(), 1);
    let with = |how: &str| {
        let output = desk.run(&["predict", MODEL, "-", "--csv", "--invalid-utf8", how], bytes);
        assert!(output.status.success());
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let [replaced, warnings] = with("replace");
    assert_eq!((replaced.lines().count(), warnings.as_str()), (4, ""));
    let [skipped, warnings] = with("skip");
    let lines: Vec<&str> = skipped.lines().map(|line| &line[..2]).collect();
    assert_eq!(lines, ["li", "1,", "3,"]);
    assert!(warnings.contains("1 review is not UTF-8 and was left out"), "{warnings}");

    // A label is shown as it stands there, or not at all.
    let json =
        b"\n{\"text\":\"a fine film\",\"label\":\"p\xff\"}\n{\"text\":\"bad\",\"label\":\"n\"}\n";
    for content in [&b"text,label\na fine film,p\xff\nbad,n\n"[..], json] {
        desk.write("l.data", content);
        let labelled = ["predict", MODEL, "l.data", "--csv"];
        let parts = ["l.data: line 2: byte 1 of the label, 0xff, is not", "--invalid-utf8 replace"];
        assert_eq!(desk.fails(1, &labelled, b"", &parts).lines().count(), 1);
        for (how, labels) in [("replace", &["p\u{FFFD}", "n"][..]), ("skip", &["n"])] {
            let answers = desk.ok(&[&labelled[..], &["--invalid-utf8", how]].concat());
            let found = answers.lines().skip(1).map(|line| line.rsplit(',').next().unwrap());
            assert!(found.eq(labels.iter().copied()), "{how}: {answers}");
        }
    }
    // A list is no label of bytes.
    desk.write("l.data", b"{\"text\":\"a fine film\",\"label\":[\"p\xff\"]}\n");
    let list = desk.ok(&["predict", MODEL, "l.data", "--jsonl"]);
    assert!(list.contains("[\\\"p\u{FFFD}\\\"]"), "{list}");
}

#[test]
fn files_that_are_no_texts_say_why() {
    let desk = Desk::new();
    let fails = |bytes: &[u8], options: &[&str], parts: &[&str]| {
        desk.write("bad.data", bytes);
        desk.fails(1, &[&["predict", MODEL, "bad.data"][..], options].concat(), b"", parts);
    };
    fails(
        b"text,label\na,1\nb\n",
        &[],
        &["bad.data: row 3, line 3: 1 field, where the first row has 2"],
    );
    fails(b"text,label\ra,1\rb,0\r", &[], &["bad.data: row 1, line 1", "carriage returns"]);
    let returns = ["bad.data: line 1: its lines end with carriage returns alone"];
    fails(b"a film\rb film\rc\r", &[], &returns);
    fails(b"__label__1 a film\r__label__0 b film\r", &[], &returns);
    fails(b"words,label\na,1\n", &["--input", "csv"], &["--text-column", "words, label"]);
    fails(b"text,label\na,1\n", &["--label-column", "x"], &["--label-column is x", "text, label"]);
    fails(
        b"{\"text\": \"a\"}\n{\"text\": [1]}\n",
        &[],
        &["line 2: \"text\" is a list or an object"],
    );
    fails(b"{\"text\": \"a\"}\n{\"body\": \"b\"}\n", &[], &["line 2: no field \"text\""]);
    let parts = ["--label-column is x", "bad.data has: text, label"];
    fails(b"\n{\"text\": \"a\", \"label\": 1}\n", &["--label-column", "x"], &parts);
    let parts = ["found libsvm text; import it and judge the dataset", "--input lines"];
    fails(b"# made by hand\n1\n1 3:1 5:1\n0 2:1\n", &[], &parts);
    let parts = ["found a JSON array; write one object a line", "--input lines"];
    fails(b"[{\"text\": \"a\"}]\n", &[], &parts);
    fails(b"\xef\xbb\xbf[\n  { \"text\": \"a\" }\n]\n", &[], &parts);
    fails(b"{\"text\": \"a\"}\n{\"text\n", &[], &["bad.data: line 2", "expected a JSON object"]);
    let unclosed = [b"text\n\"a", " b".repeat(20 << 20).as_bytes()].concat();
    let parts =
        ["row 2, line 2: the row has more than 33554432 bytes; look for a quote", "--max-text"];
    fails(&unclosed, &["--input", "csv"], &parts);
    let parts = ["row 3, line 3: a field's opening quote is never closed", "--quoting off"];
    fails(b"text,label\na,1\n\"b,0\nc,1\n", &[], &parts);
    let parts = ["row 2, line 2: 2 fields, where the first row has 1; put texts with commas"];
    fails(b"text\nfine, good\n", &[], &parts);
    fails(b"text,label\nfine,1\n", &["--max-text", "3"], &["a review of 4 bytes, of 3 at most"]);
    let parts = [
        "a table with the columns id, tweet, class; name the one with the texts by --text-column",
        "--input lines",
    ];
    fails(b"id,tweet,class\n1,\"fine\nfilm\",1\n", &[], &parts);
    fails(b"id\ttweet\r\n1\tfine film\r\n", &[], &["the columns id, tweet; name"]);
    fails(b"Clothing ID;Age;Review Text\n1;2;fine film\n", &[], &["Clothing ID, Age, Review Text"]);
    // As pandas and R write the numbers of their rows.
    for (table, columns) in [
        (&b",phrase,rating\n0,a great film,5\n"[..], "the columns phrase, rating; name"),
        (
            b"\"\",\"Phrase\",\"Sentiment\"\n\"1\",\"fine\",1\n",
            "the columns Phrase, Sentiment; name",
        ),
        (
            b",Title,Review Text,Rating\n0,Nice,\"great, film\",5\n",
            "Title, Review Text, Rating; name",
        ),
        (b"\tphrase\trating\n0\ta great film\t5\n", "the columns phrase, rating; name"),
    ] {
        fails(table, &[], &[columns]);
    }
    fails(b"\x1f\x8b\x08\0", &[], &["bad.data", "the gzip file is damaged or cut short"]);
    let lines = "a fine film\n".repeat(100_000);
    let cut = gzipped(lines.as_bytes());
    let parts = ["cannot read bad.data: byte ", "the gzip file is damaged or cut short"];
    fails(&cut[..cut.len() - 4], &[], &parts);
    let lines = &["--input", "lines"][..];
    for options in [&[][..], lines] {
        let parts = ["a gzip file within a gzip file; unpack it once"];
        fails(&gzipped(&gzipped(b"a fine film")), options, &parts);
        let utf_16 = b"\xff\xfea\0 \0f\0i\0n\0e\0 \0f\0i\0l\0m\0\n\0";
        fails(utf_16, options, &["bad.data: expected", "text in UTF-16; convert it to UTF-8"]);
        fails(b"BZh91AY&SY", options, &["found a bzip2 file; unpack it first"]);
        let mut tar = tar::Header::new_ustar();
        tar.set_cksum();
        for (archive, found) in [
            (&tar.as_bytes()[..], "a tar archive"),
            (b"PK\x03\x04\0\0", "a zip or npz archive"),
            (b"PAR1", "a parquet file"),
        ] {
            let part = format!("found {found}; `imdb-fast import` makes a dataset of it");
            fails(archive, options, &[&part]);
        }
    }
    fails(&desk.read("d.safetensors"), lines, &["--input is lines, but", "no file with texts"]);
    fails(&desk.read("d.safetensors")[..99], &[], &["bad.data: byte 0: the header says it is"]);
    fails(b"good\0film\nbad\n", &[], &["found bytes that are 0; name a dataset", "--input lines"]);
    // What was asked for holds, and zeros are no reason not to see a table. Three letters make no bzip2 file.
    for (content, options) in [
        ("good\0film\nbad\n", lines),
        ("text,label\ngood\0film,1\nbad,0\n", &[]),
        ("BZhanna made a good film\nbad\n", &[]),
    ] {
        desk.write("good.data", content);
        let answers = desk.ok(&[&["predict", MODEL, "good.data"], options].concat());
        assert_eq!(answers.lines().count(), 2, "{content:?}");
    }
    let names: Vec<String> = (0..2000).map(|at| format!("column_{at}")).collect();
    for table in [
        format!("{},text\n{}fine film\n", names.join(","), ",".repeat(2000)),
        "\r\n\ntext,label\nfine film,1\n".to_owned(),
    ] {
        desk.write("good.data", table);
        assert_eq!(desk.ok(&["predict", MODEL, "good.data"]).lines().count(), 1);
    }
    fails(b"", &["--input", "csv"], &["bad.data: the file: it has no row"]);
    for arguments in [["--text", "a"], ["d.safetensors", "--rows=..1"]] {
        let code = if arguments[0] == "--text" { 2 } else { 1 };
        let words = [&["predict", MODEL, "--invalid-utf8", "skip"], &arguments[..]].concat();
        desk.fails(code, &words, b"", &["--invalid-utf8 is", "skip"]);
    }
    for option in [["--quoting", "on"], ["--text-column", "a"], ["--label-column", "a"]] {
        fails(b"a fine film\n", &option, &[option[0], "is read as lines; say how", "--input"]);
    }
    // Arguments that can be refused without the file are, before the first line of an answer.
    for (options, part) in [
        (&["--csv", "--max-text", "0"][..], "--max-text"),
        (
            &["--csv", "--label-column", "x"],
            "--label-column is \"x\", expected used with --input csv",
        ),
        (&["--input", "lines", "--no-header"], "expected left out with --input lines"),
        (
            &["--input=csv", "--no-header", "--text-column=2", "--label-column=2", "--csv"],
            "--label-column",
        ),
    ] {
        let output = desk.run(&[&["predict", MODEL, "-"], options].concat(), b"");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(2) && output.stdout.is_empty(),
            "{options:?}: {errors}"
        );
        assert!(errors.contains(part), "{options:?}: {errors}");
    }
    fails(b"id,words\n1,a\n", &["--text-column", "text"], &["--text-column", "--input"]);
    fails(b"id,words\n1,a\n", &["--label-column", "id"], &["--text-column", "--input"]);
    let text = ["predict", MODEL, "--text", "a", "--text-column", "a"];
    desk.fails(2, &text, b"", &["--text-column is \"a\"", "the review itself"]);
    let layout = ["predict", MODEL, "d.safetensors", "--text-column", "a"];
    desk.fails(1, &layout, b"", &["--text-column", "is no file with texts"]);
    desk.fails(2, &["predict", MODEL, "-", "--rows", "1..2"], b"", &["\"1..2\"", "datasets"]);
    let rows = ["predict", MODEL, "--text", "a", "--split", "train"];
    desk.fails(2, &rows, b"", &["--split is \"train\"", "the review itself"]);
    fails(b"a fine film\n", &["--rows", "1.."], &["--rows is 1..", "a file with texts"]);
    let beyond = ["predict", MODEL, "d.safetensors", "--rows", "9999.."];
    desk.fails(1, &beyond, b"", &["--rows is 9999..,"]);
    desk.fails(1, &["predict", MODEL, "missing"], b"", &["cannot open missing"]);
    desk.fails(2, &["predict", MODEL], b"", &["--text"]);
    desk.fails(2, &["predict", MODEL, "-", "--text", "a"], b"", &["cannot be used with"]);
    desk.fails(2, &["predict", MODEL, "-", "--csv", "--jsonl"], b"", &["cannot be used with"]);
    desk.fails(2, &["predict", MODEL, "-", "--top", "3"], b"", &["--explain"]);
}

#[test]
fn models_that_cannot_read_say_so() {
    let desk = Desk::new();
    desk.ok(&["synth", "-o", "s.safetensors", "--reviews", "100", "--words", "50"]);
    let train = ["--validation", "0", "--epochs", "1", "-q"];
    desk.ok(&[&["train", "s.safetensors", "--out", "s"][..], &train].concat());
    let parts = ["without text rules", "--word-index"];
    desk.fails(1, &["predict", "s/model.safetensors", "--text", "a"], b"", &parts);
    desk.fails(1, &["predict", "s/model.safetensors", "-"], b"a\n", &parts);
    desk.fails(1, &["words", "s/model.safetensors"], b"", &parts);

    let sample = repository("data/sample.npz");
    let import = ["import", sample.to_str().unwrap(), "-o", "i.safetensors"];
    desk.ok(&import);
    desk.ok(&[&["train", "i.safetensors", "--out", "i"][..], &train].concat());
    let parts = ["without a vocabulary", "--word-index"];
    desk.fails(1, &["predict", "i/model.safetensors", "--text", "a"], b"", &parts);

    // Ids as Keras allows them, but which text cannot have: the first word has the id of the mark.
    let index = repository("data/sample_word_index.json");
    let index = ["--word-index", index.to_str().unwrap(), "--index-from", "0"];
    let output = desk.run(&[&import[..], &index].concat(), b"");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no text rules"));
    assert!(desk.ok(&["inspect", "i.safetensors"]).contains("no rules"));

    // Rules that nobody can follow, in the place of good ones.
    for file in ["d.safetensors", MODEL] {
        let bytes = std::fs::read(desk.path(file)).unwrap();
        let good = br#"\"num_words\":300,"#;
        // The last: the options of the import have one, too.
        let at = bytes.windows(good.len()).rposition(|window| window == good).unwrap();
        for (bad, expected) in [
            (br#"\"num_words\":0  ,"#, "--num-words is \"0\""),
            (br#"\"num_words\":3  ,"#, "--index-from"),
            (br#"\"num_words\":-1 ,"#, "invalid value"),
            (br#"\"num_words\":[1],"#, "invalid type"),
        ] {
            let altered = [&bytes[..at], bad, &bytes[at + good.len()..]].concat();
            desk.write("bad.safetensors", altered);
            let parts = ["bad.safetensors: metadata `text`", expected];
            desk.fails(1, &["inspect", "bad.safetensors"], b"", &parts);
        }
    }

    let layer = Dense { units: 4, activation: Activation::Relu };
    let mut model = Model::new(Architecture::new(9, &[layer]).unwrap(), 1);
    let team = team(1);
    let fails = |model: &Model, expected: &str| {
        let error = Judge::new(model, &team).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    fails(&model, "without a vocabulary");
    model.vocabulary = Some(Vocabulary::from_words(["", "", "", "", "a", "b"]));
    fails(&model, "without text rules");
    model.text = Some(Rules { num_words: 6, ..Rules::default() });
    fails(&model, "text leads to 6 features, the network has 9");
    model.text = Some(Rules { num_words: 5, ..Rules::default() });
    fails(&model, "names 6 ids");
    model.text = Some(Rules { num_words: 9, ..Rules::default() });
    assert!(Judge::new(&model, &team).is_ok());

    let architecture = Architecture::new(9, &[layer]).unwrap();
    let mut averaging = Model::new(architecture.with_embedding(Embedding::default()).unwrap(), 1);
    averaging.vocabulary = model.vocabulary;
    averaging.text = Some(Rules { num_words: 9, ngrams: 2, ..Rules::default() });
    fails(&averaging, "n-grams have no place in the sequences");
}

/// Words that contradict the rules are found by `verify`, where anybody sees them at all: nothing but text needs both.
#[test]
fn words_that_contradict_the_rules_are_found_out() {
    let desk = Desk::new();
    let words: Vec<String> = (0..40).map(|id| format!("w{id}")).collect();
    let vocabulary = Vocabulary::from_words(&words);
    let bigrams = Rules { num_words: 30, ngrams: 2, ..Rules::default() };
    let contents = Contents {
        features: 40,
        vocabulary: Some(vocabulary.clone()),
        text: Some(bigrams.clone()),
        sequences: false,
        options: serde_json::json!({}),
    };
    let mut writer = Writer::create(&desk.path("x.safetensors"), contents).unwrap();
    writer.push(Split::Train, &[5, 35], Some(1)).unwrap();
    writer.finish().unwrap();
    let place = "x.safetensors: the text rules and the vocabulary: the n-gram \"w30\" of id 30";
    desk.fails(1, &["verify", "x.safetensors"], b"", &[place, "import it again"]);

    let mut model = Model::new(Architecture::new(40, &[]).unwrap(), 1);
    model.vocabulary = Some(vocabulary);
    model.text = Some(bigrams);
    model.save(&desk.path("x.safetensors")).unwrap();
    desk.fails(1, &["verify", "x.safetensors"], b"", &[place, "import its dataset again"]);
    let predict = ["predict", "x.safetensors", "--text", "w5"];
    desk.fails(1, &predict, b"", &["the n-gram \"w30\" of id 30", "import its dataset again"]);
}

/// Weights that are numbers, each by itself, but whose sums are none: there is no answer, in place of one that is not true.
#[test]
fn weights_that_overflow_are_an_error() {
    let desk = Desk::new();
    let dataset = Dataset::open(&desk.path("d.safetensors"), Access::Map).unwrap();
    let initializer = "random_uniform:minval=2e38,maxval=3e38".parse().unwrap();
    let architecture = Architecture::new(dataset.features(), &[]).unwrap();
    let mut model = Model::initial(architecture, Some(initializer), 1).unwrap();
    model.take_words(&dataset);
    model.save(&desk.path("vast.safetensors")).unwrap();
    const VAST: &str = "vast.safetensors";
    // More than a batch of texts that the model does not know, whose answers may have gone out before.
    desk.write("v.csv", format!("text\n{}the film is good\n", "qwertzuiop\n".repeat(5_999)));
    for (arguments, place) in [
        (&["evaluate", VAST, "d.safetensors"][..], "d.safetensors, test row 0"),
        (&["predict", VAST, "d.safetensors", "--rows", "3..9"], "d.safetensors, test row 3"),
        (
            &["predict", VAST, "d.safetensors", "--rows", "3..9", "--explain"],
            "d.safetensors, test row 3",
        ),
        (&["predict", VAST, "--text", "", "--text", "the film is good"], "review 2"),
        (&["predict", VAST, "--text", "the film is good", "--explain"], "review 1"),
        (&["predict", VAST, "v.csv"], "v.csv, line 6001"),
        (&["predict", VAST, "v.csv", "--explain", "--jsonl"], "v.csv, line 6001"),
        (&["words", VAST], "the word of id 4"),
    ] {
        let parts =
            [&format!("they overflow on {place}, whose logit is inf")[..], "--learning-rate"];
        let answers = desk.fails(1, arguments, b"", &parts);
        assert!(answers.is_empty() || place.starts_with("v.csv"), "{arguments:?}: {answers}");
    }
}

#[test]
fn a_typed_line_is_answered_before_the_next() {
    let desk = Desk::new();
    let table = &["--input", "csv", "--jsonl"][..];
    let rows = &["--input", "csv", "--no-header", "--text-column", "1"][..];
    for options in [&["--csv"][..], &["--explain"], table, rows] {
        let mut child = desk.piped(&[&["predict", MODEL, "-"][..], options].concat());
        let mut stdin = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        if options == table {
            stdin.write_all(b"text\n").unwrap();
        } else if options.contains(&"--csv") {
            assert_eq!(answers.next().unwrap().unwrap(), "line,probability,label");
        }
        for text in ["a 5\" fine film\n", "bad\n", "\n"] {
            if options.contains(&"csv") && text == "\n" {
                continue; // no record to that reader
            }
            stdin.write_all(text.as_bytes()).unwrap();
            if options.contains(&"csv") {
                stdin.write_all(b"\r\n").unwrap(); // neither
            }
            stdin.flush().unwrap();
            // Would wait forever if the program did.
            assert!(answers.next().unwrap().unwrap().len() > 3);
        }
        drop(stdin);
        assert!(answers.next().is_none());
        assert!(child.wait().unwrap().success());
    }
}

/// What a stream means does not depend on how much of it comes at a time either.
#[test]
fn a_stream_that_comes_byte_by_byte_is_the_same() {
    let desk = Desk::new();
    let table = "\u{feff}n;text\r\n\r\n1;\"a fine, fine,\n fine film\"\r\n2;bad, bad, bad\r\n";
    let predict = ["predict", MODEL, "-", "--input", "csv"];
    let expected = desk.ok_with(&predict, table.as_bytes());
    assert_eq!(expected.lines().count(), 2);
    for bytes in [table.as_bytes(), &gzipped(table.as_bytes())] {
        let mut child = desk.piped(&predict);
        let mut stdin = child.stdin.take().unwrap();
        for (place, byte) in bytes.iter().enumerate() {
            stdin.write_all(&[*byte]).unwrap();
            // Time to read it alone, and before that to start.
            let wait = if place == 0 { 300 } else { 2 };
            std::thread::sleep(std::time::Duration::from_millis(wait));
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{errors}");
    }
}

/// What a stream means does not depend on its first line, but a slip is told.
#[test]
fn a_stream_that_is_hardly_lines_is_read_as_lines_with_a_warning() {
    let desk = Desk::new();
    let warned = |text: &str, options: &[&str], part: &str| {
        let output = desk.run(&[&["predict", MODEL, "-"][..], options].concat(), text.as_bytes());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        assert_eq!(errors.matches("warning: ").count(), usize::from(!part.is_empty()), "{errors}");
        assert!(errors.contains(part), "{text:?}: no {part:?} in {errors}");
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    let json = "{\"text\": \"a fine film\"}\n{\"text\": \"bad\"}\n";
    assert_eq!(warned(json, &[], "stdin: its first line looks like jsonl, and"), 2);
    assert_eq!(warned("label,text\n1,a fine film\n", &[], "say --input csv, or --input lines"), 2);
    assert_eq!(warned("label\ttext\n1\ta fine film\n", &[], "say --input tsv"), 2);
    assert_eq!(warned("__label__1 a fine film\n", &[], "say --input fasttext"), 1);
    assert_eq!(warned("1 3:1 7:1\n0 2:1\n", &[], "libsvm text"), 2);
    let zeros = "its first line has bytes that are 0, and each line is read as a review";
    assert_eq!(warned("good\0film\nbad\n", &[], zeros), 2);
    let packed =
        "stdin: its first line looks like a bzip2 file, and each line is read as a review; unpack";
    assert_eq!(warned("BZh91AY&SY\0\nbad\n", &[], packed), 2);
    assert_eq!(warned(json, &["--input", "lines"], ""), 2);
    assert_eq!(warned(json, &["--input", "jsonl"], ""), 2);
    assert_eq!(warned("a fine film, text\nlabel,text\n", &[], ""), 2);
    assert_eq!(warned("", &[], ""), 0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let desk = Desk::new();
    desk.write("many.txt", "a fine film\n".repeat(100_000));
    for options in [&[][..], &["--csv"], &["--jsonl"], &["--explain"], &["--explain", "--csv"]] {
        let mut child = desk.piped(&[&["predict", MODEL, "many.txt"][..], options].concat());
        let mut first = [0; 8];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{options:?}: {errors}");
    }
}

/// The most memory that it has had, in kB.
#[cfg(target_os = "linux")]
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn long_reviews_are_explained_one_by_one() {
    let desk = Desk::new();
    let lines = format!("{}\n", "a fine film ".repeat(350_000)).repeat(8);
    let [one, many] = ["1", "8"].map(|threads| {
        let mut child = desk.piped(&["predict", MODEL, "-", "--explain", "--threads", threads]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(lines.as_bytes()).unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let answers: Vec<String> = answers.take(8).map(|answer| answer.unwrap()).collect();
        // It waits for more, so that it can be asked.
        let peak = peak(&child);
        drop(stdin);
        assert!(child.wait().unwrap().success());
        (peak, answers)
    });
    assert_eq!(one.1, many.1);
    assert!(many.0 < one.0 + 100_000, "{} kB by one thread, {} kB by eight", one.0, many.0);
}

/// A little of a packed stream may be a lot of labels.
#[cfg(target_os = "linux")]
#[test]
fn labels_are_not_read_far_ahead() {
    let desk = Desk::new();
    let row = format!("fine,{}\n", "b".repeat(1 << 20));
    let packed = gzipped(format!("text,label\n{}", row.repeat(200)).as_bytes());
    let mut child = desk.piped(&["predict", MODEL, "-", "--input", "csv", "--csv"]);
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&packed).unwrap());
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(answers.nth(1).unwrap().unwrap().starts_with("2,"));
    // As much as it wants to read ahead has been read.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let peak = peak(&child);
    assert!(peak < 150_000, "{peak} kB");
    assert_eq!(answers.count(), 199);
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn endless_input_takes_constant_memory_and_ends_with_its_reader() {
    let desk = Desk::new();
    let mut child = desk.piped(&["predict", MODEL, "-"]);
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("{}\n", "a fine film that is endless ".repeat(40));
    let lines = line.repeat(100);
    let writer = std::thread::spawn(move || while stdin.write_all(lines.as_bytes()).is_ok() {});
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    answers.by_ref().take(20_000).for_each(|answer| drop(answer.unwrap()));
    let early = peak(&child);
    // 90 MB of text more.
    answers.by_ref().take(80_000).for_each(|answer| drop(answer.unwrap()));
    let late = peak(&child);
    assert!(late < early + 20_000, "from {early} kB to {late} kB");
    drop(answers);
    assert!(child.wait().unwrap().success(), "a reader that has seen enough is no failure");
    writer.join().unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "");
}

#[test]
fn rows_of_a_dataset_are_explained_as_their_text() {
    let desk = Desk::new();
    let parsed = |lines: &str| -> Vec<Value> {
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let rows = ["predict", MODEL, "d.safetensors", "--explain"];
    let rows_alone = parsed(&desk.ok(&[&rows[..], &["--rows", "3..5"]].concat()));
    let rows = parsed(&desk.ok(&rows));
    let lines = desk.texts().join("\n");
    let texts = parsed(&desk.ok_with(&["predict", MODEL, "-", "--explain"], lines.as_bytes()));
    assert_eq!((rows.len(), texts.len()), (200, 200));
    assert_eq!(rows_alone, rows[3..5]);
    for (at, (row, text)) in (0..).zip(rows.iter().zip(&texts)) {
        assert_eq!((&row["row"], &text["line"]), (&Value::from(at), &Value::from(at + 1)));
        assert!(row["label"].is_u64(), "{row}");
        assert_eq!((&row["probability"], &row["parts"]), (&text["probability"], &text["parts"]));
    }
    let csv = ["predict", MODEL, "d.safetensors", "--explain", "--rows", "3..4", "--csv"];
    let csv = desk.ok(&csv);
    assert!(csv.starts_with("row,probability,label,kind,part,count,effect\n3,"), "{csv}");
    let beyond = ["predict", MODEL, "d.safetensors", "--explain", "--rows", "0..9999999"];
    for options in [&[][..], &["--csv"]] {
        let out = desk.fails(1, &[&beyond[..], options].concat(), b"", &["0..9999999", "rows"]);
        assert_eq!(out, "", "nothing of an answer");
    }
}

#[test]
fn explanations_are_for_people_and_for_programs() {
    let desk = Desk::new();
    let model = Model::load(&desk.path(MODEL)).unwrap();
    let vocabulary = model.vocabulary.unwrap();
    let [a, b] = [40, 50].map(|id| vocabulary.word(id).unwrap());
    let cut = vocabulary.cut_words().next().unwrap();
    let text = format!("{a} {b} {a}! {cut} qwertzuiop \u{1b}[1m");
    let predict = ["predict", MODEL, "--text", &text, "--text", "", "--explain"];
    let json = desk.ok(&predict);
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let parts = lines[0]["parts"].as_array().unwrap();
    let effects: Vec<f64> = parts.iter().map(|p| p["effect"].as_f64().unwrap().abs()).collect();
    assert!(effects.is_sorted_by(|a, b| a >= b), "{json}");
    let found = |kind: &str, name: &str| {
        let part = parts.iter().find(|part| part["kind"] == kind && part["part"] == name);
        part.map(|part| part["count"].as_u64().unwrap())
    };
    assert_eq!((found("word", a), found("word", b), found("cut", "")), (Some(2), Some(1), Some(1)));
    assert_eq!(lines[0]["unknown"], serde_json::json!(["qwertzuiop", "\u{1b}", "1m"]));
    assert_eq!(
        (&lines[1]["parts"], &lines[1]["unknown"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );

    let csv = desk.ok(&[&predict[..], &["--csv"]].concat());
    assert!(csv.starts_with("review,probability,label,kind,part,count,effect\n1,"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + parts.len() + 1, "a line without a part for the empty one");
    let top = desk.ok(&[&predict[..], &["--top", "1"]].concat());
    let top: Value = serde_json::from_str(top.lines().next().unwrap()).unwrap();
    assert_eq!(top["parts"].as_array().unwrap().len(), 1);

    let plain = desk.ok(&[&predict[..], &["--format", "plain"]].concat());
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(plain.starts_with("review 1: 0.") && plain.contains("[rare words]"), "{plain}");
    assert!(plain.contains(&format!("{a} (2 times)")) && plain.contains("no words"), "{plain}");
    assert!(plain.contains("not known: qwertzuiop, \u{FFFD}, 1m"), "{plain}");
    let colourful = desk.ok(&[&predict[..], &["--color", "always"]].concat());
    assert!(colourful.contains("\u{1b}[1m0."), "{colourful}");
    assert_eq!(colourful.matches(b).count(), 2, "in the text and in the list: {colourful}");
    assert!(!colourful.contains("\u{1b}[1m\n"), "the text's own code is harmless");
}

/// A token that looks like what stands between runs is a word like any other.
#[test]
fn a_run_is_named_once_whatever_its_words() {
    let desk = Desk(common::desk::Desk::new());
    desk.write("t.csv", "text,label\ngood | bad film,1\nbad film,0\n");
    let import = ["import", "t.csv", "--tokenizer", "words-and-marks", "--ngrams", "3"];
    desk.ok(&[&import[..], &["--min-count", "1", "-o", "t.safetensors"]].concat());
    desk.ok(&["train", "t.safetensors", "--validation", "0", "--epochs", "1", "-q"]);
    let text = "good | bad film good | bad";
    let csv = desk.ok(&["predict", MODEL, "--text", text, "--explain", "--csv"]);
    for run in ["good |,2", "| bad,2", "good | bad,2", "| bad film,1"] {
        assert!(csv.contains(&format!(",ngram,{run},")), "{run}: {csv}");
    }
}

#[test]
fn words_lists_what_moves_the_model_most() {
    let desk = Desk::new();
    let empty = desk.probability("");
    let lines = desk.ok(&["words", MODEL, "--top", "5", "--jsonl"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 10);
    let effects: Vec<f64> = lines.iter().map(|line| line["effect"].as_f64().unwrap()).collect();
    assert!(effects[4] > 0.0 && effects[5] < 0.0 && effects.is_sorted_by(|a, b| a >= b));
    for line in &lines {
        let expected = desk.probability(line["word"].as_str().unwrap()) - empty;
        let found = line["effect"].as_f64().unwrap() as f32;
        assert!((found - expected).abs() < 1e-6, "{line}: {expected}");
    }
    // No other word does more.
    let all = desk.ok(&["words", MODEL, "--top", "1000", "--csv"]);
    assert!(all.starts_with("word,effect,probability\n"));
    assert!(all.lines().count() > 200);
    assert_eq!(desk.ok(&["words", MODEL, "--top", "0", "--csv"]), all);
    // The probability is that of the word alone, to the last digit.
    let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = all.lines().skip(1).map(fields).collect();
    let words: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let alone = desk.ok_with(&["predict", MODEL, "-"], words.join("\n").as_bytes());
    assert!(rows.iter().map(|row| row[2].as_str()).eq(alone.lines()), "{all}\n{alone}");
    let first = all.lines().nth(1).unwrap();
    assert!(first.starts_with(lines[0]["word"].as_str().unwrap()), "{first}");
    let plain = desk.ok(&["words", MODEL]);
    assert!(plain.starts_with(&format!("an empty review: {empty:.4}\n+")), "{plain}");
    assert_eq!(plain.lines().count(), 21);
}

#[test]
fn scaled_reviews_are_answered_as_the_others() {
    let desk = Desk::scaled();
    let texts = desk.texts();
    let expected = desk.ok(&["predict", MODEL, "d.safetensors"]);
    assert_eq!(desk.ok_with(&["predict", MODEL, "-"], texts.join("\n").as_bytes()), expected);

    let empty = desk.probability("");
    let lines = desk.ok(&["words", MODEL, "--top", "5", "--jsonl"]);
    assert_eq!(lines.lines().count(), 10);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let alone = desk.probability(line["word"].as_str().unwrap()) - empty;
        let found = line["effect"].as_f64().unwrap() as f32;
        assert!((found - alone).abs() < 1e-6, "{line}: {alone}");
    }

    // Without a word the others count for more.
    let vocabulary = Model::load(&desk.path(MODEL)).unwrap().vocabulary.unwrap();
    let words = [20, 30, 40, 50, 60].map(|id| vocabulary.word(id).unwrap());
    let text = words.join(" ");
    let json = desk.ok(&["predict", MODEL, "--text", &text, "--explain"]);
    let explained: Value = serde_json::from_str(json.trim()).unwrap();
    let parts = explained["parts"].as_array().unwrap();
    assert_eq!(parts.len(), words.len());
    for part in parts {
        let others = words.iter().filter(|&&word| part["part"] != word);
        let without = desk.probability(&others.copied().collect::<Vec<_>>().join(" "));
        let effect = desk.probability(&text) - without;
        let found = part["effect"].as_f64().unwrap() as f32;
        assert!((found - effect).abs() < 1e-6, "{part}: {effect}");
    }
}
