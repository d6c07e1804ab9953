"""The two tokenizers, as Python's own rules have them: makes the files beside it, and answers the tests.

    python3 reference.py golden           writes characters.json and texts.json
    python3 reference.py archive FILE     reads aclImdb_v1.tar.gz; for each review in pos and neg writes to stdout the text
                                          and both tokenizers' words with line feeds between: three times a length (four
                                          bytes, little endian) and so many bytes of UTF-8
"""

import json
import pathlib
import re
import struct
import sys
import tarfile
import unicodedata

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def keras(text):
    """text_to_word_sequence of keras/src/legacy/preprocessing/text.py, with its defaults."""
    text = text.lower()
    text = text.translate(str.maketrans({c: " " for c in FILTERS}))
    return [word for word in text.split(" ") if word]


def words_and_marks(text):
    text = text.lower().replace("<br />", " ")
    return re.findall(r"\w+(?:'\w+)?|[^\w\s]", text)


TEXTS = [
    "", " ", "\t\n", "'", "''", "a", "A", "a b", " a  b ", "a\tb\nc\rd", "a\x0bb\x0cc", "a\x1cb\x1fc\x85d\xa0e",
    "This movie wasn't good.<br /><br />It's \"GREAT\"!!!", "<BR />x<Br />", "<br/>", "<br  />", "<br /", "<br<br />>",
    "don't", "rock'n'roll", "'quoted'", "o''clock", "it's'", "'tis", "a'<br />b", "a' b", "1'2'3", "_a_b'_", "the-end",
    "10/10", "3.5 stars", "$5.99 & 50%", "a\\b", "~`|{}[]^_@#", "\x7f\x00\x01 x", "x" * 200, " ".join("ab" * 100),
    "a" * 63 + " b", "a" * 64 + " b", "a" * 65 + " b", "a" * 62 + " " + "b" * 64 + " c" + "." * 130,
    "café CAFÉ Cafe\u0301", "Ünïcödé", "naïve 'déjà' vu", "’tis the film’s “best” – really…", "İstanbul", "ǅ ǆ Ǆ", "ẞ ß", "K Å Ω",
    "ΟΔΟΣ", "ΟΔΟΣ ΣΟΦΟΣ Σ", "Σ", "ΑΣ.Α", "ΑΣ'", "ΑΣ'Α", "'Σ", "Α'Σ", "ΑΣ1", "1Σ", "ΑΣ\u0301", "ΑΣ\u0301Α", "ΑΣ:Σ", "ΣΣ", "aΣb Σb",
    "ΑΣ<br />Α", "σΣ-Σ", "Ⓐⓐ ⅷⅧ", "x²½³ ①② Ⅳ", "१२३ ٣٤ 四五", "日本語の映画は、とても良い。", "映画'映画", "הסרט הזה היה נהדר", "فيلم رائع!",
    "Это был ужасный фильм…", "एक अच्छी फ़िल्म", "ไทยแลนด์", "👍👍🏽 👨‍👩‍👧 :-)", "a\u200bb\u200dc\u00adc", "a\u2028b\u2029c\u3000d\u1680e\u180ef",
    "\ufeffbom", "\ufffd", "\U0001d400\U00010400", "ﬁne ŉ ǰ", "e\u0301'e\u0301", "a\u0345'b", "_\u0301_", "ªº ʰʼ", "a·b", "x\u203fy",
]


def runs(predicate):
    """Where a predicate of characters holds: first and last of each run."""
    result = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or not predicate(chr(code)):
            continue
        if result and result[-1][1] == code - 1:
            result[-1][1] = code
        else:
            result.append([code, code])
    return result


def golden(folder):
    lower = {}
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000 and chr(code).lower() != chr(code):
            lower[chr(code)] = chr(code).lower()
    characters = {
        "python": sys.version.split()[0],
        "unicode": unicodedata.unidata_version,
        "unassigned": runs(lambda c: unicodedata.category(c) == "Cn"),
        "word": runs(lambda c: re.match(r"\w", c)),
        "space": runs(lambda c: re.match(r"\s", c)),
        "lower": lower,
    }
    texts = [{"text": t, "keras": keras(t), "words-and-marks": words_and_marks(t)} for t in TEXTS]
    (folder / "characters.json").write_text(json.dumps(characters) + "\n")
    (folder / "texts.json").write_text("[\n" + ",\n".join(map(json.dumps, texts)) + "\n]\n")


def archive(path):
    out = sys.stdout.buffer
    with tarfile.open(path) as tar:
        for member in tar:
            if not re.search(r"/(pos|neg)/[0-9_]+\.txt$", member.name):
                continue
            text = tar.extractfile(member).read().decode()
            for part in (text, "\n".join(keras(text)), "\n".join(words_and_marks(text))):
                part = part.encode()
                out.write(struct.pack("<I", len(part)) + part)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["golden"]:
            golden(pathlib.Path(__file__).parent)
        case ["archive", path]:
            archive(path)
        case _:
            sys.exit(__doc__)
