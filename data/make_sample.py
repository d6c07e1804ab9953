#!/usr/bin/env python3
"""Writes the sample reviews in every input format that imdb-fast imports.

The reviews are made up by a small grammar, so nobody has rights in them. Run it in this folder; it needs NumPy only and
writes the same reviews each time.
"""

import csv
import gzip
import io
import json
import random
import tarfile
from collections import Counter

import numpy as np

SEED = 20240229
TRAIN, TEST, UNLABELLED = 400, 200, 12
LONGEST = 80

THINGS = """film|movie|picture|story|plot|script|dialogue|ending|opening scene|soundtrack|camera work|acting|casting|
pacing|second half|lead actor|villain|love story|final twist|director's cut|humour|set design|editing""".replace("\n", "").split("|")
GOOD = """wonderful|superb|brilliant|moving|charming|excellent|gripping|beautiful|funny|clever|unforgettable|delightful|
masterful|heartfelt|stunning|perfect""".replace("\n", "").split("|")
BAD = """awful|dull|terrible|clumsy|boring|predictable|pointless|lifeless|annoying|laughable|horrible|wooden|sloppy|
tedious|forgettable|painful""".replace("\n", "").split("|")
PRAISE = [
    "The {thing} is {good}.", "I loved the {thing}!", "It's {good} and {good}.", "What a {good} {thing}!",
    "Don't miss it: the {thing} alone is worth the ticket.", "{name} gives a {good} performance.",
    "I laughed, I cried, and I'd watch it again.", "One of the best films of the year; {good} from start to finish.",
    "The {thing} isn't just good, it's {good}.", "Highly recommended.", "{name} has never been better (truly {good})!",
    "Not a {bad} minute in it.", "I wasn't bored for a second.",
]
SCORN = [
    "The {thing} is {bad}.", "I hated the {thing}!", "It's {bad} and {bad}.", "What a {bad} {thing}...",
    "Don't bother: the {thing} is a waste of time.", "{name} gives a {bad} performance.",
    "I yawned, I checked my watch, and I left early.", "One of the worst films of the year; {bad} from start to finish.",
    "The {thing} isn't just weak, it's {bad}.", "Avoid it.", "{name} has never been worse (simply {bad})!",
    "Not a {good} minute in it.", "I couldn't wait for the end.",
]
NEUTRAL = [
    "I saw it on {day} with my {person}.", "{name} directed it in {year}.", "It runs for {minutes} minutes.",
    "The story is set in {place}.", "My {person} thinks otherwise.", "The {thing} reminded me of {name}'s early work.",
    "So, what's it about? A {person}, a {pet} and a secret.", "\"{name}\" fans will know what to expect.",
    "There are {number} songs in it.", "I've read the book - twice.", "Rated {number}/10 by my {person}.",
]
AMBIGUOUS = [
    "It's so {bad} that it's {good}.", "The {thing} is {good}, but the {thing} is {bad}.", "I don't know what to think.",
    "Some scenes are {good}, others {bad}.",
]
FILL = {
    "day": "Monday|Friday|a rainy Sunday|New Year's Eve".split("|"),
    "person": "sister|brother|neighbour|teacher|boss|best friend|uncle".split("|"),
    "pet": "dog|cat|parrot|goldfish".split("|"),
    "place": "a small town|PARIS|the desert|a lighthouse|outer space|the 1920s".split("|"),
    "year": [str(year) for year in range(1950, 2010, 7)],
    "minutes": [str(minutes) for minutes in range(80, 190, 10)],
    "number": "three|four|five|seven|nine".split("|"),
}
SYLLABLES = "va lo ri ten mar ko dus el pha sor bin ta neve ul gar mi".split()


def sentence(rng, template):
    """Fills the holes of a template, each anew."""
    while "{" in template:
        before, rest = template.split("{", 1)
        hole, after = rest.split("}", 1)
        if hole == "name":
            word = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3))).capitalize()
        else:
            word = rng.choice({"thing": THINGS, "good": GOOD, "bad": BAD, **FILL}[hole])
        template = before + word + after
    return template


def review(rng, positive):
    """A review of about as many words as a skewed draw wants, never above LONGEST."""
    wanted = 5 + int(70 * rng.random() ** 3.2)
    own, other = (PRAISE, SCORN) if positive else (SCORN, PRAISE)
    sentences = [sentence(rng, rng.choice(own))]
    while sum(len(tokens(s)) for s in sentences) < wanted:
        pool = rng.choices([own, other, NEUTRAL, AMBIGUOUS], [45, 9, 36, 10])[0]
        sentences.append(sentence(rng, rng.choice(pool)))
        if rng.random() < 0.06:
            sentences[-1] = sentences[-1].upper()
    rng.shuffle(sentences)
    text = sentences[0]
    for following in sentences[1:]:
        text += ("<br /><br />" if rng.random() < 0.08 else " ") + following
    while len(tokens(text)) < 5:
        text += " " + sentence(rng, rng.choice(NEUTRAL))
    return text if len(tokens(text)) <= LONGEST else review(rng, positive)


def tokens(text):
    """The words of a text by the rules of keras.preprocessing.text.Tokenizer."""
    filters = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
    return text.lower().translate(str.maketrans(filters, " " * len(filters))).split()


def make_split(rng, count):
    """`count` pairs of text and label, as many positive as negative, mixed."""
    labels = [i % 2 for i in range(count)]
    rng.shuffle(labels)
    return [(review(rng, label), label) for label in labels]


def object_array(lists):
    array = np.empty(len(lists), dtype=object)
    array[:] = lists
    return array


def load_data(splits, num_words=10000, start_char=1, oov_char=2, index_from=3):
    """What keras.datasets.imdb.load_data makes of (ranks, labels) pairs."""
    rng = np.random.RandomState(113)
    for ranks, labels in splits:
        order = np.arange(len(ranks))
        rng.shuffle(order)
        for row in order:
            ids = [start_char] + [rank + index_from for rank in ranks[row]]
            yield labels, row, [w if w < num_words else oov_char for w in ids]


def write_libsvm(path, rows):
    """Rows of (label, ids): the set of each row's ids, counted from 1."""
    with open(path, "w", newline="\n") as file:
        file.write("# label, then index:1 for each word that occurs; index = Keras' id + 1\n")
        for label, ids in rows:
            features = " ".join(f"{i + 1}:1" for i in sorted(set(ids)))
            file.write(f"{label} {features}\n")


def write_archive(path, train, test, unlabelled):
    """The layout of aclImdb_v1.tar.gz: ID_RATING.txt a review, and the movie page of each id in urls_*.txt."""
    folders = {
        f"{split}/{name}": [(text, positive) for text, positive in reviews if positive == label]
        for split, reviews in [("test", test), ("train", train)]
        for name, label in [("neg", 0), ("pos", 1)]
    }
    folders["train/unsup"] = [(text, None) for text in unlabelled]
    rng = random.Random(SEED)
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            def add(name, text):
                info = tarfile.TarInfo(f"aclImdb/{name}")
                data = text.encode()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

            add("README", "Made-up reviews in the layout of the Large Movie Review Dataset.\n")
            for folder, reviews in folders.items():
                split, name = folder.split("/")
                # Two reviews in a row share a movie.
                urls = [f"http://movies.example/tt{i // 2:07}/usercomments" for i in range(len(reviews))]
                add(f"{split}/urls_{name}.txt", "\n".join(urls) + "\n")
                for i, (text, label) in enumerate(reviews):
                    rating = 0 if label is None else rng.randint(7, 10) if label else rng.randint(1, 4)
                    add(f"{folder}/{i}_{rating}.txt", text)


def main():
    rng = random.Random(SEED)
    train, test = make_split(rng, TRAIN), make_split(rng, TEST)
    unlabelled = [review(rng, rng.random() < 0.5) for _ in range(UNLABELLED)]

    counts = Counter(word for text, _ in train for word in tokens(text))
    # Counter keeps the order of first sight and most_common is stable: ties stand as in Keras.
    index = {word: rank for rank, (word, _) in enumerate(counts.most_common(), 1)}
    with open("sample_word_index.json", "w", newline="\n") as file:
        json.dump(index, file)

    splits = []
    for reviews in train, test:
        ranks = [[index[word] for word in tokens(text) if word in index] for text, _ in reviews]
        splits.append((ranks, np.array([label for _, label in reviews])))
    (x_train, y_train), (x_test, y_test) = splits
    np.savez(
        "sample.npz",
        x_train=object_array(x_train), y_train=y_train, x_test=object_array(x_test), y_test=y_test,
    )

    rows = [(labels[row], ids) for labels, row, ids in load_data(splits)]
    write_libsvm("sample.svm", rows[:TRAIN])
    write_libsvm("sample.test.svm", rows[TRAIN:])

    reviews = train + test
    with open("sample.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["review", "sentiment"])
        writer.writerows((text, "positive" if label else "negative") for text, label in reviews)
    with open("sample.tsv", "w", newline="\n") as file:
        file.write("sentiment\treview\n")
        file.writelines(f"{label}\t{text}\n" for text, label in reviews)
    with open("sample.jsonl", "w", newline="\n") as file:
        file.writelines(json.dumps({"text": text, "label": label}) + "\n" for text, label in reviews)
    with open("sample.fasttext.txt", "w", newline="\n") as file:
        file.writelines(f"__label__{'pos' if label else 'neg'} {text}\n" for text, label in reviews)
    write_archive("sample_acl.tar.gz", train, test, unlabelled)


if __name__ == "__main__":
    main()
